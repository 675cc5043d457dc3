// SPDX-License-Identifier: Apache-2.0
// The steering rules, packet by packet, through the program that the kernel runs.
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "bpf/steer_rule.h"
#include "bpf/xdp_steer.skel.h"
#include "tests/bpf/program_runner.h"
#include "tests/bpf/unbound_socket.h"
#include "tests/support/packet_builder.h"

namespace pollux::bpf {
namespace {

using support::PacketBuilder;

PacketBuilder Ethernet() {
  return PacketBuilder().Ethernet();
}

class XdpSteerTest : public testing::Test {
 protected:
  struct Destroy {
    void operator()(xdp_steer_bpf* skeleton) const { xdp_steer_bpf::destroy(skeleton); }
  };

  void SetUp() override {
    if (!MayLoadPrograms()) GTEST_SKIP() << "loading XDP programs takes CAP_BPF and CAP_NET_ADMIN";
    ASSERT_TRUE(socket_.ok());
  }

  void Load(const std::vector<std::string>& texts) {
    std::vector<SteerRule> rules;
    for (const std::string& text : texts) {
      absl::StatusOr<SteerRule> rule = ParseSteerRule(text);
      ASSERT_TRUE(rule.ok()) << rule.status();
      rules.push_back(*rule);
    }
    absl::StatusOr<steer_options> options = MakeSteerOptions(rules);
    ASSERT_TRUE(options.ok()) << options.status();
    skeleton_.reset(xdp_steer_bpf::open());
    ASSERT_NE(skeleton_, nullptr);
    skeleton_->rodata->options = *options;
    ASSERT_EQ(xdp_steer_bpf::load(skeleton_.get()), 0);
    uint32_t queue = 0;
    int socket = socket_.fd();
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.xsks_map), &queue, &socket, BPF_ANY), 0);
  }

  // Bytes below an Ethernet header are refused by the test run itself, not by the program.
  bool Ours(const PacketBuilder& packet) {
    int verdict = RunProgram(bpf_program__fd(skeleton_->progs.pollux_steer), packet.Build());
    EXPECT_TRUE(verdict == XDP_REDIRECT || verdict == XDP_PASS) << verdict;
    return verdict == XDP_REDIRECT;
  }

  uint64_t Passed() {
    std::vector<uint64_t> counts(libbpf_num_possible_cpus());
    uint32_t key = 0;
    EXPECT_EQ(bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.passed_packets), &key, counts.data()), 0);
    uint64_t sum = 0;
    for (uint64_t count : counts) sum += count;
    return sum;
  }

  UnboundSocket socket_;
  std::unique_ptr<xdp_steer_bpf, Destroy> skeleton_;
};

TEST_F(XdpSteerTest, UdpDestinationPort) {
  Load({"udp dst 4789"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Vlan(5).Ipv4().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Vlan(5).Vlan(6).Ipv6().Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp({.source = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp({.destination = 4788})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
  EXPECT_EQ(Passed(), 4u);
}

TEST_F(XdpSteerTest, PortsOfEitherEndAndProtocol) {
  Load({"udp port 53"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.source = 53})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 53})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 53})));
  Load({"tcp src 80"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Tcp({.source = 80})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 80})));
  Load({"dst port 80"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Tcp({.destination = 80})));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp({.destination = 80})));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Udp({.source = 80})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.protocol = 132}).Payload(std::string("\0\x50\0\x50", 4)))) << "SCTP";
}

TEST_F(XdpSteerTest, Protocols) {
  Load({"udp"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp()));
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp()));
  Load({"icmp"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Icmp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Icmp6()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.next_header = 1}).Payload(8))) << "ICMP is IPv4's";
  Load({"icmp6"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Icmp6()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Icmp()));
  Load({"ip proto 47"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.protocol = 47}).Payload(20)));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.next_header = 47}).Payload(20)));
  Load({"proto 47"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.next_header = 47}).Payload(20)));
  Load({"ip proto 0"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.protocol = 0}).Payload(20)));
  Load({"proto 0"});
  EXPECT_FALSE(Ours(Ethernet().Arp())) << "an unknown protocol is not protocol 0";
}

TEST_F(XdpSteerTest, EtherTypesAndFamilies) {
  Load({"arp"});
  EXPECT_TRUE(Ours(Ethernet().Arp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(9).Arp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"ip"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Udp()));
  Load({"ip6"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"ether proto 0x88cc"});
  EXPECT_TRUE(Ours(PacketBuilder().Ethernet({.ether_type = 0x88cc}).Payload(30)));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
}

TEST_F(XdpSteerTest, EthernetAddresses) {
  auto packet = [](const char* source, const char* destination) {
    return PacketBuilder().Ethernet({.source = source, .destination = destination}).Ipv4().Udp();
  };
  Load({"ether dst 02:00:00:00:0a:ff"});
  EXPECT_TRUE(Ours(packet("02:00:00:00:00:01", "02:00:00:00:0a:ff")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:0a:ff", "02:00:00:00:00:01")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:00:01", "02:00:00:00:0a:fe")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:00:01", "82:00:00:00:0a:ff")));
  Load({"ether src 02:00:00:00:0A:FF"});
  EXPECT_TRUE(Ours(packet("02:00:00:00:0a:ff", "02:00:00:00:00:01")));
  EXPECT_FALSE(Ours(packet("02:00:00:00:00:01", "02:00:00:00:0a:ff")));
  Load({"ether host ff:80:00:80:00:80"});
  EXPECT_TRUE(Ours(packet("ff:80:00:80:00:80", "02:00:00:00:00:01")));
  EXPECT_TRUE(Ours(packet("02:00:00:00:00:01", "ff:80:00:80:00:80")));
}

TEST_F(XdpSteerTest, VlanTags) {
  Load({"vlan 100"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(100).Ipv4().Udp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(100, {.priority = 7}).Arp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(100, {.tag_protocol = 0x88a8}).Arp()));
  EXPECT_TRUE(Ours(Ethernet().Vlan(7, {.tag_protocol = 0x88a8}).Vlan(100).Arp()));
  EXPECT_FALSE(Ours(Ethernet().Vlan(7).Vlan(8).Vlan(100).Arp())) << "two tags are read";
  EXPECT_FALSE(Ours(Ethernet().Vlan(101).Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"vlan"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(0).Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"vlan 0"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(0).Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp())) << "no tag is not tag 0";
  EXPECT_FALSE(Ours(Ethernet().Vlan(5).Ipv4().Udp())) << "no second tag is not tag 0";
}

TEST_F(XdpSteerTest, Networks) {
  Load({"dst net 10.1.0.0/16"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.destination = "10.1.255.1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.destination = "10.2.0.0"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.source = "10.1.0.1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.destination = "a01::1"}).Udp())) << "0a01 as well, but not IPv4";
  Load({"src net 2001:db8::/33"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.source = "2001:db8:7fff::1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.source = "2001:db8:8000::1"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.source = "fe80::1", .destination = "2001:db8::1"}).Udp()));
  Load({"host 2001:db8::7"});
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.destination = "2001:db8::7"}).Udp()));
  EXPECT_TRUE(Ours(Ethernet().Ipv6({.source = "2001:db8::7"}).Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6({.source = "2001:db8::6", .destination = "2001:db8::8"}).Udp()));
  Load({"net 0.0.0.0/0"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Udp()));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
}

TEST_F(XdpSteerTest, NegatedRulesLeaveTheRestToUs) {
  Load({"not tcp port 22", "not arp"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 22})));
  EXPECT_FALSE(Ours(Ethernet().Ipv6().Tcp({.source = 22})));
  EXPECT_FALSE(Ours(Ethernet().Arp()));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Tcp({.destination = 23})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 22})));
  EXPECT_TRUE(Ours(PacketBuilder().Ethernet({.ether_type = 0x1234}).Payload(46)));
  EXPECT_EQ(Passed(), 3u);
}

TEST_F(XdpSteerTest, PositiveRulesAreAlternativesAndANegatedOneWins) {
  Load({"udp dst 4789", "not src net 10.9.0.0/16", "icmp"});
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Udp({.destination = 4789})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4().Icmp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.source = "10.9.1.1"}).Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.source = "10.9.1.1"}).Icmp()));
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp())) << "with a positive rule, the rest is the kernel's";
  // Wherever the program meets the negated rule among the others.
  Load({"not udp", "net 10.0.0.0/8"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
  Load({"udp", "not net 10.0.0.0/8"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Udp()));
}

TEST_F(XdpSteerTest, ConditionsOfARuleMustAllHold) {
  Load({"vlan 7 and udp dst 4789 and dst net 10.0.0.0/8 and ether src 02:00:00:00:00:01"});
  EXPECT_TRUE(Ours(Ethernet().Vlan(7).Ipv4().Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Vlan(8).Ipv4().Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(Ethernet().Vlan(7).Ipv4().Udp({.destination = 4790})));
  EXPECT_FALSE(Ours(Ethernet().Vlan(7).Ipv4({.destination = "11.0.0.1"}).Udp({.destination = 4789})));
  EXPECT_FALSE(Ours(PacketBuilder().Ethernet({.source = "02:00:00:00:00:03"}).Vlan(7).Ipv4().Udp({.destination = 4789})));
  Load({"not (tcp dst 22 and src net 10.0.0.0/8)"});
  EXPECT_FALSE(Ours(Ethernet().Ipv4().Tcp({.destination = 22})));
  EXPECT_TRUE(Ours(Ethernet().Ipv4({.source = "11.0.0.1"}).Tcp({.destination = 22})));
}

TEST_F(XdpSteerTest, SixteenRulesOfFourConditionsLoadAndWork) {
  std::vector<std::string> rules;
  for (int i = 0; i < STEER_MAXIMUM_RULES; ++i) {
    rules.push_back("udp dst " + std::to_string(1000 + i) + " and net 2001:db8::/32 and vlan and ether host 02:00:00:00:00:01");
  }
  Load(rules);
  for (int i = 0; i < STEER_MAXIMUM_RULES; ++i) {
    EXPECT_TRUE(Ours(Ethernet().Vlan(1).Ipv6().Udp({.destination = static_cast<uint16_t>(1000 + i)}))) << i;
  }
  EXPECT_FALSE(Ours(Ethernet().Vlan(1).Ipv6().Udp({.destination = 1000 + STEER_MAXIMUM_RULES})));
}

TEST_F(XdpSteerTest, Ipv4OptionsAreSkipped) {
  Load({"udp dst 4789"});
  for (size_t length : {4, 20, 40}) EXPECT_TRUE(Ours(Ethernet().Ipv4({.options_length = length}).Udp({.destination = 4789}))) << length;
  EXPECT_FALSE(Ours(Ethernet().Ipv4({.options_length = 40}).Udp({.source = 4789})));
}

TEST_F(XdpSteerTest, Ipv6ExtensionHeadersAreSkipped) {
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

TEST_F(XdpSteerTest, FragmentsHaveAProtocolButOnlyTheFirstHasPorts) {
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

// Cut after every byte: a condition holds exactly from the length on at which its header is whole.
TEST_F(XdpSteerTest, TruncatedHeadersNeverMatchWhatTheyDoNotHold) {
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

TEST_F(XdpSteerTest, PaddingBehindTheIpPacketIsNotItsTransport) {
  Load({"udp dst 9"});
  auto short_four = Ethernet().Ipv4({.protocol = 17}).Build();
  auto short_six = Ethernet().Ipv6({.next_header = 17}).Build();
  for (auto* frame : {&short_four, &short_six}) {
    frame->resize(80, std::byte{0});
    (*frame)[frame == &short_four ? 37 : 57] = std::byte{9};
    EXPECT_EQ(RunProgram(bpf_program__fd(skeleton_->progs.pollux_steer), *frame), XDP_PASS);
  }
}

TEST_F(XdpSteerTest, MalformedIpHeadersAreNotIp) {
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
