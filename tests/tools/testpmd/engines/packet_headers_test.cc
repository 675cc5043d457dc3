// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/packet_headers.h"

#include <memory>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace pollux::testpmd {
namespace {

using support::PacketBuilder;
using Frame = PacketBuilder::Frame;

TEST(PacketHeaders, Ipv4Udp) {
  const PacketHeaders headers = ParseHeaders(PacketBuilder().Ethernet().Ipv4().Udp().Payload(10).FillTo(60).Build());
  EXPECT_EQ(headers.ether_type, kEtherTypeIpv4);
  EXPECT_EQ(headers.network, NetworkLayer::kIpv4);
  EXPECT_EQ(headers.network_offset, 14u);
  EXPECT_EQ(headers.protocol, kProtocolUdp);
  EXPECT_EQ(headers.transport_offset, 34u);
  EXPECT_TRUE(headers.transport_complete);
  EXPECT_FALSE(headers.fragment);
}

TEST(PacketHeaders, PaddingIsNotTransport) {
  Frame frame = PacketBuilder().Ethernet().Ipv4().Udp().Payload(2).Build();
  frame.resize(60);
  EXPECT_EQ(ParseHeaders(frame).transport_length, 10u);
}

TEST(PacketHeaders, Ipv4Options) {
  const PacketHeaders headers = ParseHeaders(PacketBuilder().Ethernet().Ipv4({.options_length = 40}).Tcp().Build());
  EXPECT_EQ(headers.transport_offset, 14u + 60u);
  EXPECT_EQ(headers.transport_length, kTcpBytes);
}

TEST(PacketHeaders, VlanTags) {
  const PacketHeaders one = ParseHeaders(PacketBuilder().Ethernet().Vlan(5).Ipv6().Udp().Build());
  EXPECT_EQ(one.vlan_tags, 1);
  EXPECT_EQ(one.network, NetworkLayer::kIpv6);
  EXPECT_EQ(one.network_offset, 18u);
  const PacketHeaders two = ParseHeaders(PacketBuilder().Ethernet().Vlan(5, {.tag_protocol = 0x88a8}).Vlan(6).Ipv4().Tcp().Build());
  EXPECT_EQ(two.vlan_tags, 2);
  EXPECT_EQ(two.network_offset, 22u);
  EXPECT_EQ(two.transport_offset, 42u);
  const PacketHeaders three = ParseHeaders(PacketBuilder().Ethernet().Vlan(5).Vlan(6).Vlan(7).Ipv4().Build());
  EXPECT_EQ(three.ether_type, kEtherTypeVlan);
  EXPECT_EQ(three.network, NetworkLayer::kNone);
}

TEST(PacketHeaders, Ipv6Extensions) {
  const PacketHeaders headers =
      ParseHeaders(PacketBuilder().Ethernet().Ipv6().Ipv6HopByHop(16).Ipv6DestinationOptions().Udp().Payload(3).Build());
  EXPECT_EQ(headers.protocol, kProtocolUdp);
  EXPECT_EQ(headers.transport_offset, 14u + 40 + 16 + 8);
  EXPECT_EQ(headers.transport_length, 11u);
  EXPECT_TRUE(headers.transport_complete);
}

// With segments left the pseudo header's destination is not the one in the IPv6 header.
TEST(PacketHeaders, RoutingHeaderHidesTheDestination) {
  Frame frame = PacketBuilder().Ethernet().Ipv6().Ipv6Routing().Udp().Build();
  frame[14 + 40 + 3] = std::byte{0};
  EXPECT_TRUE(ParseHeaders(frame).transport_complete);
  frame[14 + 40 + 3] = std::byte{1};
  EXPECT_FALSE(ParseHeaders(frame).transport_complete);
  EXPECT_EQ(ParseHeaders(frame).transport_length, kUdpBytes);
}

TEST(PacketHeaders, Fragments) {
  const PacketHeaders first = ParseHeaders(PacketBuilder().Ethernet().Ipv4({.more_fragments = true}).Udp().Payload(8).Build());
  EXPECT_TRUE(first.fragment);
  EXPECT_EQ(first.transport_length, 16u);
  EXPECT_FALSE(first.transport_complete);
  const PacketHeaders later = ParseHeaders(PacketBuilder().Ethernet().Ipv4({.fragment_offset = 2, .protocol = 17}).Payload(8).Build());
  EXPECT_TRUE(later.fragment);
  EXPECT_EQ(later.protocol, kProtocolUdp);
  EXPECT_EQ(later.transport_length, 0u);

  const PacketHeaders first6 = ParseHeaders(PacketBuilder().Ethernet().Ipv6().Ipv6Fragment({.more_fragments = true}).Udp().Build());
  EXPECT_TRUE(first6.fragment);
  EXPECT_EQ(first6.transport_length, kUdpBytes);
  EXPECT_FALSE(first6.transport_complete);
  const PacketHeaders later6 =
      ParseHeaders(PacketBuilder().Ethernet().Ipv6().Ipv6Fragment({.offset = 1, .next_header = 17}).Payload(8).Build());
  EXPECT_TRUE(later6.fragment);
  EXPECT_EQ(later6.transport_length, 0u);
  // "Atomic" fragments (RFC 6946) are whole.
  const PacketHeaders atomic = ParseHeaders(PacketBuilder().Ethernet().Ipv6().Ipv6Fragment().Udp().Build());
  EXPECT_FALSE(atomic.fragment);
  EXPECT_TRUE(atomic.transport_complete);
}

TEST(PacketHeaders, DoNotFragmentIsNoFragment) {
  EXPECT_FALSE(ParseHeaders(PacketBuilder().Ethernet().Ipv4({.do_not_fragment = true}).Udp().Build()).fragment);
}

TEST(PacketHeaders, MalformedIpv4HasNoNetworkLayer) {
  const Frame good = PacketBuilder().Ethernet().Ipv4().Udp().Build();
  for (const uint8_t version_and_words : {0x44, 0x40, 0x65, 0x4F}) {
    Frame frame = good;
    frame[14] = std::byte{version_and_words};
    EXPECT_EQ(ParseHeaders(frame).network, NetworkLayer::kNone) << int{version_and_words};
  }
  Frame frame = good;
  StoreBig16(frame.data() + 16, 19);  // total length below the header's
  EXPECT_EQ(ParseHeaders(frame).network, NetworkLayer::kNone);
}

// Every prefix of every kind of packet, in memory of exactly its size: the address sanitizer sees a read beyond.
TEST(PacketHeaders, EveryTruncation) {
  const Frame frames[] = {
      PacketBuilder().Ethernet().Vlan(1).Vlan(2).Ipv4({.options_length = 12}).Tcp({.options_length = 8}).Payload(9).Build(),
      PacketBuilder()
          .Ethernet()
          .Vlan(1)
          .Ipv6()
          .Ipv6HopByHop(16)
          .Ipv6Routing(24)
          .Ipv6Fragment()
          .Ipv6DestinationOptions()
          .Udp()
          .Payload(9)
          .Build(),
      PacketBuilder().Ethernet().Ipv6().Icmp6().Build(),
  };
  for (const Frame& frame : frames) {
    for (std::size_t length = 0; length <= frame.size(); ++length) {
      const std::unique_ptr<std::byte[]> exact(new std::byte[length]);
      std::memcpy(exact.get(), frame.data(), length);
      const PacketHeaders headers = ParseHeaders({exact.get(), length});
      EXPECT_LE(headers.network_offset, length);
      EXPECT_LE(headers.transport_offset + headers.transport_length, length);
      EXPECT_EQ(headers.transport_complete, length == frame.size()) << length;
    }
  }
}

TEST(PacketHeaders, FieldsOfAnyAlignment) {
  std::byte bytes[9] = {};
  for (std::size_t offset = 0; offset < 5; ++offset) {
    StoreBig32(bytes + offset, 0x01020304);
    EXPECT_EQ(bytes[offset], std::byte{1});
    EXPECT_EQ(bytes[offset + 3], std::byte{4});
    EXPECT_EQ(LoadBig32(bytes + offset), 0x01020304u);
    EXPECT_EQ(LoadBig16(bytes + offset), 0x0102);
  }
}

}  // namespace
}  // namespace pollux::testpmd
