// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/describe_packet.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "bpf/rx_metadata_shared.h"
#include "tests/support/packet_builder.h"

namespace pollux::testpmd {
namespace {

using support::PacketBuilder;

constexpr char kAddresses[] = "src=02:00:00:00:00:01 - dst=02:00:00:00:00:02 - ";

TEST(DescribePacket, KindsOfPackets) {
  const std::pair<PacketBuilder, std::string> cases[] = {
      {PacketBuilder().Ethernet().Ipv4().Udp().FillTo(60),
       "type=0x0800 - length=60 - nb_segs=1 - sw ptype: L2_ETHER L3_IPV4 L4_UDP - l2_len=14 - l3_len=20 - l4_len=8"},
      {PacketBuilder().Ethernet().Vlan(3).Ipv6().Tcp({.options_length = 12}),
       "type=0x86dd - length=90 - nb_segs=1 - sw ptype: L2_ETHER_VLAN L3_IPV6 L4_TCP - l2_len=18 - l3_len=40 - l4_len=32"},
      {PacketBuilder().Ethernet().Vlan(3).Vlan(4).Ipv4({.options_length = 4}).Icmp(),
       "type=0x0800 - length=54 - nb_segs=1 - sw ptype: L2_ETHER_QINQ L3_IPV4_EXT L4_ICMP - l2_len=22 - l3_len=24"},
      {PacketBuilder().Ethernet().Ipv4({.more_fragments = true}).Udp(),
       "type=0x0800 - length=42 - nb_segs=1 - sw ptype: L2_ETHER L3_IPV4 L4_FRAG - l2_len=14 - l3_len=20"},
      {PacketBuilder().Ethernet().Ipv6().Ipv6HopByHop().Icmp6(),
       "type=0x86dd - length=70 - nb_segs=1 - sw ptype: L2_ETHER L3_IPV6_EXT L4_ICMP - l2_len=14 - l3_len=48"},
      {PacketBuilder().Ethernet().Arp(), "type=0x0806 - length=42 - nb_segs=1 - sw ptype: L2_ETHER_ARP - l2_len=14"},
      {PacketBuilder().Ethernet(), "type=0x0000 - length=14 - nb_segs=1 - sw ptype: L2_ETHER - l2_len=14"},
  };
  for (const auto& [packet, text] : cases) EXPECT_EQ(DescribePacket(packet.Build()), kAddresses + text);
  EXPECT_EQ(DescribePacket({}), "length=0 - nb_segs=1 - no Ethernet header");
}

TEST(DescribePacket, EveryTruncation) {
  const PacketBuilder::Frame frame = PacketBuilder().Ethernet().Vlan(1).Ipv6().Ipv6HopByHop().Tcp({.options_length = 8}).Build();
  for (std::size_t length = 0; length < frame.size(); ++length) {
    const std::unique_ptr<std::byte[]> exact(new std::byte[length]);
    std::copy_n(frame.begin(), length, exact.get());
    EXPECT_NE(DescribePacket({exact.get(), length}).find("length=" + std::to_string(length)), std::string::npos);
  }
}

TEST(DescribePacket, Bursts) {
  PacketBuilder::Frame frame = PacketBuilder().Ethernet().Arp().Build();
  const mempool::Packet packets[2] = {{frame.data(), 42}, {frame.data(), 42}};
  const std::string line = "  " + DescribePacket(frame) + "\n";
  EXPECT_EQ(DescribeBurst(0, 1, true, packets), "port 0/queue 1: received 2 packets\n" + line + line);
  EXPECT_EQ(DescribeBurst(3, 0, false, {}), "port 3/queue 0: sent 0 packets\n");
}

TEST(DescribePacket, WhatADeviceToldOfReceivedOnes) {
  const PacketBuilder::Frame frame = PacketBuilder().Ethernet().Arp().Build();
  rx_metadata left{};
  left.hash = 0xabcd;
  left.valid = RX_METADATA_HASH;
  left.mark = RX_METADATA_RECEIVED;
  std::vector<std::byte> bytes(sizeof(left) + frame.size());
  std::memcpy(bytes.data(), &left, sizeof(left));
  std::copy(frame.begin(), frame.end(), bytes.begin() + sizeof(left));
  const mempool::Packet packet{bytes.data() + sizeof(left), 42, 0, mempool::Packet::kRxMetadata};
  const std::string line = "  " + DescribePacket(frame);
  EXPECT_EQ(DescribeBurst(0, 1, true, {&packet, 1}), "port 0/queue 1: received 1 packets\n" + line + " - hash=0x0000abcd\n");
  EXPECT_EQ(DescribeBurst(0, 1, false, {&packet, 1}), "port 0/queue 1: sent 1 packets\n" + line + "\n");
}

}  // namespace
}  // namespace pollux::testpmd
