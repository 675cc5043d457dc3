// SPDX-License-Identifier: Apache-2.0
// What the steering program reads of a packet (bpf/parsing.bpf.h): options, extension headers, fragments, packets cut short.
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "tests/bpf/steer_fixture.h"

namespace pollux::bpf {
namespace {

using ParsingTest = XdpSteerTest;

TEST_F(ParsingTest, Ipv4OptionsAreSkipped) {
  Load({"udp dst 4789"});
  for (size_t length : {4, 20, 40}) EXPECT_TRUE(Ours(Ethernet().Ipv4({.options_length = length}).Udp({.destination = 4789}))) << length;
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.options_length = 40}).Udp({.source = 4789})));
}

TEST_F(ParsingTest, Ipv6ExtensionHeadersAreSkipped) {
  Load({"udp dst 4789"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Ipv6HopByHop().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Ipv6HopByHop(24).Ipv6Routing(40).Ipv6DestinationOptions(16).Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Ipv6Fragment().Ipv6DestinationOptions().Udp({.destination = 4789}))) << "atomic fragment";
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Ipv6HopByHop().Udp({.destination = 4788})));
  PacketBuilder eight = Ethernet().Ipv6();
  for (int i = 0; i < 8; ++i) eight.Ipv6DestinationOptions();
  PacketBuilder nine = eight;
  EXPECT_TRUE(Ours(eight.Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(nine.Ipv6DestinationOptions().Udp({.destination = 4789}))) << "eight are read";
  Load({"proto 17"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Ipv6Routing().Udp()));
  Load({"proto 51"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Ipv6HopByHop().Ipv6DestinationOptions().Ipv6Fragment({.next_header = 51}).Payload(24)));
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.next_header = 51}).Payload(24))) << "AH is not looked behind";
  Load({"proto 43"});
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Ipv6Routing().Udp())) << "the protocol is the transport's";
}

TEST_F(ParsingTest, FragmentsHaveAProtocolButOnlyTheFirstHasPorts) {
  // Ports of the right value stand where a later fragment has data.
  auto four = [](uint16_t offset, bool more) {
    return Ethernet().Ipv4({.fragment_offset = offset, .more_fragments = more}).Udp({.source = 4789, .destination = 4789}).Payload(16);
  };
  auto six = [](uint16_t offset, bool more) {
    return Ethernet()
        .Ipv6()
        .Ipv6Fragment({.offset = offset, .more_fragments = more})
        .Udp({.source = 4789, .destination = 4789})
        .Payload(16);
  };
  Load({"udp port 4789"});
  EXPECT_TRUE(Ours(four(0, true)));
  EXPECT_TRUE(Ours(six(0, true)));
  for (bool more : {true, false}) {
    EXPECT_FALSE(Ours(four(1, more)));
    EXPECT_FALSE(Ours(six(1, more)));
    EXPECT_FALSE(Ours(four(0x1fff, more)));
    EXPECT_FALSE(Ours(six(0x1fff, more)));
  }
  Load({"not udp port 4789"});
  EXPECT_FALSE(Ours(four(0, true)));
  EXPECT_TRUE(Ours(four(1, false))) << "its ports are unknown, so the rule does not keep it from us";
  EXPECT_TRUE(Ours(six(1, false)));
  Load({"udp"});
  EXPECT_TRUE(Ours(four(1, false)));
  EXPECT_TRUE(Ours(six(1, false)));
  Load({"fragment"});
  EXPECT_TRUE(Ours(four(0, true)));
  EXPECT_TRUE(Ours(four(1, false)));
  EXPECT_TRUE(Ours(six(0, true)));
  EXPECT_TRUE(Ours(six(1, false)));
  EXPECT_FALSE(Ours(four(0, false)));
  EXPECT_FALSE(Ours(six(0, false))) << "an atomic fragment is whole";
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.do_not_fragment = true}).Udp()));
  Load({"udp port 4789", "not fragment"});
  EXPECT_FALSE(Ours(four(0, true)));
  EXPECT_TRUE(Ours(four(0, false)));
}

// Where other extension headers have their length, a fragment header has a reserved byte, which "is ignored on reception" (RFC 8200, 4.5).
TEST_F(ParsingTest, TheReservedByteOfAFragmentHeaderIsNoLength) {
  Load({"udp dst 4789"});
  auto frame = Ethernet().Ipv6().Ipv6Fragment({.more_fragments = true}).Udp({.destination = 4789}).Payload(4096).Build();
  constexpr size_t kReserved = 14 + 40 + 1;
  for (int reserved : {0, 1, 0xff}) {
    frame[kReserved] = static_cast<std::byte>(reserved);
    EXPECT_NE(RunProgram(bpf_program__fd(skeleton_->progs.pollux_steer), frame), XDP_PASS) << reserved;
  }
}

// Cut after every byte: a condition holds exactly from the length on at which its header is whole.
TEST_F(ParsingTest, TruncatedHeadersNeverMatchWhatTheyDoNotHold) {
  struct Case {
    const char* rule;
    PacketBuilder packet;
    size_t needed;
  };
  std::vector<Case> cases = {
      {"ether src 02:00:00:00:00:01", Ethernet().Ipv4().Udp(), 14},
      {"vlan 5", Ethernet().Vlan(5).Ipv4().Udp(), 18},
      {"vlan 6", Ethernet().Vlan(5).Vlan(6).Ipv4().Udp(), 22},
      {"arp", Ethernet().Arp(), 14},
      {"arp", Ethernet().Vlan(5).Arp(), 18},
      {"ip", Ethernet().Ipv4().Udp(), 34},
      {"ip6", Ethernet().Ipv6().Udp(), 54},
      {"udp", Ethernet().Ipv4().Udp(), 34},
      {"dst net 10.0.0.0/8", Ethernet().Ipv4({.options_length = 40}).Udp(), 34},
      {"udp dst 9", Ethernet().Ipv4().Udp({.destination = 9}), 38},
      {"udp dst 9", Ethernet().Ipv4({.options_length = 12}).Udp({.destination = 9}), 50},
      {"tcp dst 9", Ethernet().Vlan(5).Vlan(6).Ipv4().Tcp({.destination = 9}), 46},
      {"udp", Ethernet().Ipv6().Ipv6HopByHop(16).Udp(), 70},
      {"tcp dst 9", Ethernet().Ipv6().Ipv6HopByHop(16).Ipv6Routing(24).Tcp({.destination = 9}), 98},
      {"fragment", Ethernet().Ipv6().Ipv6Fragment({.offset = 5}).Payload(20), 62},
  };
  for (const Case& test : cases) {
    Load({test.rule});
    size_t whole = test.packet.Build().size();
    ASSERT_GE(whole, test.needed);
    // The test run refuses less than an Ethernet header itself.
    for (size_t length = 14; length <= whole; ++length) {
      EXPECT_EQ(Ours(PacketBuilder(test.packet).Truncate(length)), length >= test.needed) << test.rule << " at " << length;
    }
  }
}

TEST_F(ParsingTest, PaddingBehindTheIpPacketIsNotItsTransport) {
  Load({"udp dst 9"});
  auto short_four = Ethernet().Ipv4({.protocol = 17}).Build();
  auto short_six = Ethernet().Ipv6({.next_header = 17}).Build();
  for (auto* frame : {&short_four, &short_six}) {
    frame->resize(80, std::byte{0});
    (*frame)[frame == &short_four ? 37 : 57] = std::byte{9};
    EXPECT_EQ(RunProgram(bpf_program__fd(skeleton_->progs.pollux_steer), *frame), XDP_PASS);
  }
}

TEST_F(ParsingTest, MalformedIpHeadersAreNotIp) {
  Load({"ip", "ip6", "udp"});
  auto wrong_version = Ethernet().Ipv4().Udp().Build();
  wrong_version[14] = std::byte{0x65};
  auto short_header = Ethernet().Ipv4().Udp().Build();
  short_header[14] = std::byte{0x44};
  auto four_in_six = Ethernet().Ipv6().Udp().Build();
  four_in_six[14] = std::byte{0x45};
  for (const auto& frame : {wrong_version, short_header, four_in_six}) {
    EXPECT_EQ(RunProgram(bpf_program__fd(skeleton_->progs.pollux_steer), frame), XDP_PASS);
  }
}

}  // namespace
}  // namespace pollux::bpf
