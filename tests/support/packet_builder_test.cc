// SPDX-License-Identifier: Apache-2.0
#include "tests/support/packet_builder.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace pollux::support {
namespace {

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

uint16_t Get16(const std::vector<std::byte>& frame, size_t offset) {
  return static_cast<uint16_t>(static_cast<int>(frame[offset]) << 8 | static_cast<int>(frame[offset + 1]));
}

TEST(PacketBuilderTest, Ipv4HeaderByteForByte) {
  auto frame =
      PacketBuilder()
          .Ethernet({.source = "02:00:00:00:00:0a", .destination = "ff:ff:ff:ff:ff:ff"})
          .Ipv4({.source = "192.168.0.1", .destination = "192.168.0.199", .time_to_live = 64, .do_not_fragment = true, .protocol = 17})
          .Payload(95)
          .Build();
  // The well-known example of an IPv4 header checksum: 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7.
  auto header = std::vector<std::byte>(frame.begin() + 14, frame.begin() + 34);
  EXPECT_EQ(header, Bytes({0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7}));
  EXPECT_EQ(Get16(frame, 12), 0x0800);
}

// A whole packet sums to zero, pseudo-header included: how a receiver checks it (RFC 1071, RFC 8200 8.1).
TEST(PacketBuilderTest, TransportChecksumsVerify) {
  for (size_t payload : {0, 1, 18, 333}) {
    for (uint8_t protocol : {6, 17}) {
      PacketBuilder four = PacketBuilder().Ipv4({.options_length = 8});
      PacketBuilder six = PacketBuilder().Ipv6().Ipv6HopByHop().Ipv6DestinationOptions(24);
      for (PacketBuilder* builder : {&four, &six}) {
        bool is_four = builder == &four;
        protocol == 6 ? builder->Tcp({.options_length = 12}) : builder->Udp();
        auto frame = builder->Payload(payload).Build();
        size_t start = is_four ? 28 : 40 + 8 + 24;
        size_t addresses = is_four ? 12 : 8;
        uint32_t sum = protocol + static_cast<uint32_t>(frame.size() - start);
        for (size_t i = 0; i < (is_four ? 8u : 32u); i += 2) sum += Get16(frame, addresses + i);
        EXPECT_EQ(InternetChecksum(&frame[start], frame.size() - start, sum), 0) << "protocol " << +protocol << " payload " << payload;
        EXPECT_EQ(static_cast<int>(frame[is_four ? 9 : 40 + 8]), protocol);
      }
    }
  }
  auto icmp = PacketBuilder().Icmp().Payload("ping").Build();
  EXPECT_EQ(InternetChecksum(icmp.data(), icmp.size()), 0);
}

TEST(PacketBuilderTest, HeadersNameEachOther) {
  auto frame = PacketBuilder()
                   .Ethernet()
                   .Vlan(7, {.tag_protocol = 0x88a8})
                   .Vlan(100, {.priority = 5})
                   .Ipv6()
                   .Ipv6Fragment({.offset = 3})
                   .Udp()
                   .Build();
  EXPECT_EQ(Get16(frame, 12), 0x88a8);
  EXPECT_EQ(Get16(frame, 14), 7);
  EXPECT_EQ(Get16(frame, 16), 0x8100);
  EXPECT_EQ(Get16(frame, 18), 5 << 13 | 100);
  EXPECT_EQ(Get16(frame, 20), 0x86dd);
  EXPECT_EQ(Get16(frame, 26), 16);
  EXPECT_EQ(static_cast<int>(frame[28]), 44);
  EXPECT_EQ(static_cast<int>(frame[62]), 17);
  EXPECT_EQ(Get16(frame, 64), 3 << 3);
  auto arp = PacketBuilder().Ethernet().Arp().Build();
  EXPECT_EQ(Get16(arp, 12), 0x0806);
  EXPECT_EQ(arp.size(), 42u);
}

TEST(PacketBuilderTest, TruncationAndFillLeaveTheHeadersAsTheyWere) {
  EXPECT_EQ(PacketBuilder().Ethernet().Ipv4().Udp().FillTo(64).Build().size(), 64u);
  auto frame = PacketBuilder().Ethernet().Ipv4().Udp().FillTo(1500).Truncate(40).Build();
  EXPECT_EQ(frame.size(), 40u);
  EXPECT_EQ(Get16(frame, 16), 1486);
}

}  // namespace
}  // namespace pollux::support
