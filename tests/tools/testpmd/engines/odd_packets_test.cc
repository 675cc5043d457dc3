// SPDX-License-Identifier: Apache-2.0
// docs/packets.md, "What the forwarding modes do with odd packets": each row of its table, in its words.
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"
#include "tools/testpmd/engines/packet_headers.h"

namespace pollux::testpmd {
namespace {

enum class Csum { kRepairs, kLeaves, kCounts };     // counts: as bad, and leaves it
enum class Swaps { kNothing, kAddresses, kPorts };  // ports: addresses, too

struct Kind {
  std::string name;
  Frame right;            // its transport's checksum is right, or none
  std::size_t network;    // where IP begins
  std::size_t transport;  // and UDP, TCP or what else
  std::size_t checksum;   // the field
  Csum csum;              // with a wrong checksum
  Swaps swaps;            // by 5tswap, beside the Ethernet addresses
};

PacketBuilder Begin() {
  return PacketBuilder().Ethernet();
}

Frame With(Frame frame, std::size_t offset, std::initializer_list<uint8_t> bytes) {
  for (const uint8_t byte : bytes) frame.at(offset++) = static_cast<std::byte>(byte);
  return frame;
}

// The checksum of an IPv4 header whose options a test has written.
Frame WithHeaderChecksum(Frame frame) {
  const std::size_t length = std::size_t{4} * (static_cast<uint8_t>(frame[14]) & 15);
  StoreBig16(frame.data() + 24, 0);
  StoreBig16(frame.data() + 24, support::InternetChecksum(frame.data() + 14, length));
  return frame;
}

std::vector<Kind> Kinds() {
  const Frame options = Begin().Ipv4({.options_length = 12}).Udp().Payload(20).Build();
  const Frame routing = Begin().Ipv6().Ipv6Routing(24).Tcp().Payload(20).Build();
  const Frame destination_options = Begin().Ipv6().Ipv6DestinationOptions(24).Tcp().Payload(20).Build();
  const Frame udp = Begin().Ipv4().Udp().Payload(20).Build();
  Frame padded = udp;
  padded.resize(80, std::byte{0xA5});
  Frame short_udp = Begin().Ipv4().Udp().Payload(10).Build();
  short_udp.resize(short_udp.size() + 6, std::byte{0xA5});
  return {
      {"IPv4 options", options, 14, 46, 52, Csum::kRepairs, Swaps::kPorts},
      {"an IPv4 source route with hops left", WithHeaderChecksum(With(options, 34, {1, 131, 7, 4, 10, 1, 1, 1, 0})), 14, 46, 52,
       Csum::kLeaves, Swaps::kPorts},
      {"an IPv4 source route that has ended", WithHeaderChecksum(With(options, 34, {1, 131, 7, 8, 10, 1, 1, 1, 0})), 14, 46, 52,
       Csum::kRepairs, Swaps::kPorts},
      {"IPv6 extension headers", Begin().Ipv6().Ipv6HopByHop().Ipv6DestinationOptions().Udp().Build(), 14, 70, 76, Csum::kRepairs,
       Swaps::kPorts},
      {"an IPv6 routing header with segments left", With(routing, 57, {1}), 14, 78, 94, Csum::kLeaves, Swaps::kPorts},
      {"an IPv6 routing header that has ended", routing, 14, 78, 94, Csum::kRepairs, Swaps::kPorts},
      {"an IPv6 home address", With(destination_options, 56, {1, 2, 0, 0, 201, 16}), 14, 78, 94, Csum::kLeaves, Swaps::kPorts},
      {"a first fragment, IPv4", Begin().Ipv4({.more_fragments = true}).Udp().Payload(8).Build(), 14, 34, 40, Csum::kLeaves, Swaps::kPorts},
      {"a first fragment, IPv6", Begin().Ipv6().Ipv6Fragment({.more_fragments = true}).Udp().Payload(8).Build(), 14, 62, 68, Csum::kLeaves,
       Swaps::kPorts},
      {"a later fragment, IPv4", Begin().Ipv4({.fragment_offset = 4, .protocol = 17}).Payload(16).Build(), 14, 34, 40, Csum::kLeaves,
       Swaps::kAddresses},
      {"a later fragment, IPv6", Begin().Ipv6().Ipv6Fragment({.offset = 4, .next_header = 17}).Payload(16).Build(), 14, 62, 68,
       Csum::kLeaves, Swaps::kAddresses},
      {"cut off behind the transport header", PacketBuilder(Begin().Ipv4().Udp().Payload(20)).Truncate(60).Build(), 14, 34, 40,
       Csum::kLeaves, Swaps::kPorts},
      {"trailing padding", padded, 14, 34, 40, Csum::kRepairs, Swaps::kPorts},
      {"a UDP length below 8", With(udp, 38, {0, 7}), 14, 34, 40, Csum::kCounts, Swaps::kPorts},
      {"a UDP length beyond IP's", With(udp, 38, {0, 200}), 14, 34, 40, Csum::kCounts, Swaps::kPorts},
      {"an IPv4 length shorter than its header", WithHeaderChecksum(With(udp, 16, {0, 19})), 14, 34, 40, Csum::kLeaves, Swaps::kNothing},
      {"an IPv4 header length below 20", With(udp, 14, {0x44}), 14, 34, 40, Csum::kLeaves, Swaps::kNothing},
      {"SCTP", Begin().Ipv4({.protocol = 132}).Payload(30).Build(), 14, 34, 42, Csum::kLeaves, Swaps::kAddresses},
      {"a third VLAN tag", Begin().Vlan(1).Vlan(2).Vlan(3).Ipv4().Udp().Payload(20).Build(), 26, 46, 52, Csum::kLeaves, Swaps::kNothing},
  };
}

class OddPacketsTest : public EngineTest {
 protected:
  // But for the Ethernet addresses.
  static Frame Behind(const Frame& frame) { return Frame(frame.begin() + 12, frame.end()); }
  uint64_t Bad() const { return stream.stats.rx_bad_ip_checksum.value() + stream.stats.rx_bad_l4_checksum.value(); }
};

TEST_F(OddPacketsTest, CsumLeavesWhatIsRight) {
  for (const Kind& kind : Kinds()) {
    if (kind.csum == Csum::kCounts) continue;  // nothing is right there
    SCOPED_TRACE(kind.name);
    EXPECT_EQ(Behind(Forward("csum", kind.right)), Behind(kind.right));
    EXPECT_EQ(Bad(), 0u);
  }
}

TEST_F(OddPacketsTest, CsumRepairsWhatIsWrongOrLeavesWhatCannotBeKnown) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    Frame wrong = kind.right;
    wrong.at(kind.checksum) ^= std::byte{0x5A};
    const uint64_t before = Bad();
    EXPECT_EQ(Behind(Forward("csum", wrong)), Behind(kind.csum == Csum::kRepairs ? kind.right : wrong));
    EXPECT_EQ(Bad() - before, kind.csum == Csum::kLeaves ? 0u : 1u);
  }
}

TEST_F(OddPacketsTest, FiveTupleSwap) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    Frame expected = kind.right;
    const bool ipv4 = static_cast<uint8_t>(expected[kind.network]) >> 4 == 4;
    SwapFields<6>(expected.data(), expected.data() + 6);
    if (kind.swaps != Swaps::kNothing) {
      std::byte* const network = expected.data() + kind.network;
      ipv4 ? SwapFields<4>(network + 12, network + 16) : SwapFields<16>(network + 8, network + 24);
    }
    if (kind.swaps == Swaps::kPorts) SwapFields<2>(expected.data() + kind.transport, expected.data() + kind.transport + 2);
    EXPECT_EQ(Forward("5tswap", kind.right), expected);
  }
}

// io touches nothing, mac and macswap the Ethernet addresses.
TEST_F(OddPacketsTest, TheOthersDoNotLookInside) {
  for (const Kind& kind : Kinds()) {
    SCOPED_TRACE(kind.name);
    EXPECT_EQ(Forward("io", kind.right), kind.right);
    for (const char* mode : {"mac", "macswap"}) EXPECT_EQ(Behind(Forward(mode, kind.right)), Behind(kind.right)) << mode;
  }
}

TEST_F(OddPacketsTest, EchoRequests) {
  const Frame options = Begin().Ipv4({.options_length = 12}).Icmp().Payload(20).Build();
  const struct {
    const char* name;
    Frame request;
    bool answered;
  } kinds[] = {
      {"IPv4 options", options, true},
      {"an IPv4 source route with hops left", WithHeaderChecksum(With(options, 34, {1, 131, 7, 4, 10, 1, 1, 1, 0})), true},
      {"IPv6 extension headers", Begin().Ipv6().Ipv6HopByHop().Icmp6().Payload(8).Build(), true},
      {"a first fragment", Begin().Ipv4({.more_fragments = true}).Icmp().Payload(16).Build(), false},
      {"a later fragment", Begin().Ipv4({.fragment_offset = 4, .protocol = 1}).Payload(16).Build(), false},
      {"cut off in its header", PacketBuilder(Begin().Ipv4().Icmp().Payload(20)).Truncate(40).Build(), false},
      {"UDP", Begin().Ipv4().Udp().Payload(20).Build(), false},
      {"a third VLAN tag", Begin().Vlan(1).Vlan(2).Vlan(3).Ipv4().Icmp().Build(), false},
  };
  for (const auto& kind : kinds) {
    SCOPED_TRACE(kind.name);
    EXPECT_EQ(!Forward("icmpecho", kind.request).empty(), kind.answered);
  }
}

TEST_F(OddPacketsTest, NoUdpChecksum) {
  const Frame none4 = Begin().Ipv4().Udp({.checksum = false}).Payload(10).Build();
  EXPECT_EQ(Behind(Forward("csum", none4)), Behind(none4)) << "IPv4: there is none";
  const Frame none6 = Begin().Ipv6().Udp({.checksum = false}).Payload(10).Build();
  EXPECT_EQ(Behind(Forward("csum", none6)), Behind(Begin().Ipv6().Udp().Payload(10).Build())) << "IPv6: it is repaired";
  EXPECT_EQ(Bad(), 1u);
}

}  // namespace
}  // namespace pollux::testpmd
