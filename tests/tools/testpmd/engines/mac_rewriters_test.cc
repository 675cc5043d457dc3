// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/mac_rewriters.h"

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"

namespace pollux::testpmd {
namespace {

class MacTest : public EngineTest {};
class MacSwapTest : public EngineTest {};
class FiveTupleSwapTest : public EngineTest {};

TEST_F(MacTest, FromThePortToItsPeer) {
  EXPECT_EQ(Forward("mac", PacketBuilder().Ethernet().Vlan(3).Ipv6().Udp().Build()),
            PacketBuilder().Ethernet(kFromPortToPeer).Vlan(3).Ipv6().Udp().Build());
}

TEST_F(MacTest, AHeaderAloneIsEnough) {
  EXPECT_EQ(Forward("mac", PacketBuilder().Ethernet().Build()), PacketBuilder().Ethernet(kFromPortToPeer).Build());
}

TEST_F(MacSwapTest, SwapsNothingElse) {
  EXPECT_EQ(Forward("macswap", PacketBuilder().Ethernet().Ipv4().Udp().Payload(30).Build()),
            PacketBuilder().Ethernet(kSwapped).Ipv4().Udp().Payload(30).Build());
}

const support::Ipv4Fields kSwappedIpv4 = {.source = "10.0.0.2", .destination = "10.0.0.1"};
const support::Ipv6Fields kSwappedIpv6 = {.source = "2001:db8::2", .destination = "2001:db8::1"};

// The builder computes the checksums anew: equality shows that swapping leaves them right.
TEST_F(FiveTupleSwapTest, Ipv4Udp) {
  EXPECT_EQ(Forward("5tswap", PacketBuilder().Ethernet().Ipv4().Udp({.source = 7, .destination = 9}).Payload(30).Build()),
            PacketBuilder().Ethernet(kSwapped).Ipv4(kSwappedIpv4).Udp({.source = 9, .destination = 7}).Payload(30).Build());
}

TEST_F(FiveTupleSwapTest, Ipv6TcpBehindTwoTags) {
  EXPECT_EQ(
      Forward("5tswap",
              PacketBuilder().Ethernet().Vlan(2, {.tag_protocol = 0x88a8}).Vlan(3).Ipv6().Tcp({.source = 7, .destination = 9}).Build()),
      PacketBuilder()
          .Ethernet(kSwapped)
          .Vlan(2, {.tag_protocol = 0x88a8})
          .Vlan(3)
          .Ipv6(kSwappedIpv6)
          .Tcp({.source = 9, .destination = 7})
          .Build());
}

TEST_F(FiveTupleSwapTest, Ipv4OptionsAndOddPayload) {
  support::Ipv4Fields with_options = kSwappedIpv4;
  with_options.options_length = 8;
  EXPECT_EQ(
      Forward("5tswap", PacketBuilder().Ethernet().Ipv4({.options_length = 8}).Udp({.source = 7, .destination = 9}).Payload(3).Build()),
      PacketBuilder().Ethernet(kSwapped).Ipv4(with_options).Udp({.source = 9, .destination = 7}).Payload(3).Build());
}

TEST_F(FiveTupleSwapTest, IcmpHasNoPorts) {
  EXPECT_EQ(Forward("5tswap", PacketBuilder().Ethernet().Ipv4().Icmp().Payload(8).Build()),
            PacketBuilder().Ethernet(kSwapped).Ipv4(kSwappedIpv4).Icmp().Payload(8).Build());
}

TEST_F(FiveTupleSwapTest, ALaterFragmentKeepsItsPayload) {
  support::Ipv4Fields fragment = {.fragment_offset = 5, .protocol = 17};
  support::Ipv4Fields swapped = kSwappedIpv4;
  swapped.fragment_offset = 5;
  swapped.protocol = 17;
  EXPECT_EQ(Forward("5tswap", PacketBuilder().Ethernet().Ipv4(fragment).Payload(16).Build()),
            PacketBuilder().Ethernet(kSwapped).Ipv4(swapped).Payload(16).Build());
}

TEST_F(FiveTupleSwapTest, NotIp) {
  EXPECT_EQ(Forward("5tswap", PacketBuilder().Ethernet().Arp().Build()), PacketBuilder().Ethernet(kSwapped).Arp().Build());
}

TEST_F(FiveTupleSwapTest, CutOffPorts) {
  const PacketBuilder whole = PacketBuilder().Ethernet().Ipv4().Udp({.source = 7, .destination = 9});
  const Frame sent = Forward("5tswap", PacketBuilder(whole).Truncate(14 + 20 + 3).Build());
  ASSERT_EQ(sent.size(), 37u);
  EXPECT_EQ(sent[35], std::byte{7});
  const Frame cut_header = Forward("5tswap", PacketBuilder(whole).Truncate(14 + 19).Build());
  EXPECT_EQ(cut_header[14 + 15], std::byte{1}) << "a cut off IPv4 header stays as it is";
}

}  // namespace
}  // namespace pollux::testpmd
