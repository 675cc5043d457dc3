// SPDX-License-Identifier: Apache-2.0
#include "pmd/rx_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace pollux::pmd {
namespace {

using testing::HasSubstr;

TEST(RxMetadataTest, KindsAreWordsInBracketsOrOne) {
  EXPECT_EQ(*ParseRxMetadataKinds("hash"), RxMetadata::kHash);
  EXPECT_EQ(*ParseRxMetadataKinds("[timestamp,hash,vlan]"), RxMetadata::kAll);
  EXPECT_EQ(*ParseRxMetadataKinds("vlan,hash"), RxMetadata::kVlanTag | RxMetadata::kHash);
  for (const char* wrong : {"", "[]", "hashes", "hash,", "[hash", "hash vlan"}) {
    const auto kinds = ParseRxMetadataKinds(wrong);
    ASSERT_FALSE(kinds.ok()) << wrong;
    EXPECT_THAT(std::string(kinds.status().message()), HasSubstr("timestamp, hash, vlan"));
  }
}

TEST(RxMetadataTest, KindsInText) {
  EXPECT_EQ(DescribeRxMetadataKinds(0), "none");
  EXPECT_EQ(DescribeRxMetadataKinds(RxMetadata::kAll), "timestamp, hash, vlan");
}

TEST(RxMetadataTest, TextHasWhatIsValidAlone) {
  RxMetadata metadata{.valid = RxMetadata::kAll,
                      .timestamp_ns = 1'700'000'000'000'000'042,
                      .hash = 0x1234,
                      .hash_type = RxMetadata::kHashOfIpv4 | RxMetadata::kHashOfPorts,
                      .vlan_protocol = 0x8100,
                      .vlan_control = 5 << 13 | 42};
  EXPECT_EQ(DescribeRxMetadata(metadata), "timestamp=1700000000.000000042 hash=0x00001234 (IPv4 ports) vlan=0x8100/42/5");
  metadata.valid = RxMetadata::kHash;
  metadata.hash_type = 0;
  EXPECT_EQ(DescribeRxMetadata(metadata), "hash=0x00001234");
  metadata.valid = 0;
  EXPECT_EQ(DescribeRxMetadata(metadata), "");
}

class ReadRxMetadataTest : public testing::Test {
 protected:
  ReadRxMetadataTest() {
    packet_ = {.data = frame_.data() + 256, .length = 60, .flags = mempool::Packet::kRxMetadata};
    const rx_metadata left{.timestamp_ns = 7,
                           .hash = 8,
                           .hash_type = 9,
                           .vlan_protocol = 10,
                           .vlan_control = 11,
                           .valid = RxMetadata::kHash,
                           .reserved = 0,
                           .mark = RX_METADATA_RECEIVED};
    std::memcpy(packet_.data - sizeof(left), &left, sizeof(left));
  }
  std::array<std::byte, 2048> frame_ = {};
  mempool::Packet packet_;
};

TEST_F(ReadRxMetadataTest, IsInFrontOfAPacketThatSaysSo) {
  const auto metadata = ReadRxMetadata(packet_);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_TRUE(metadata->has(RxMetadata::kHash));
  EXPECT_FALSE(metadata->has(RxMetadata::kTimestamp));
  EXPECT_EQ(metadata->timestamp_ns, 7u);
  EXPECT_EQ(metadata->hash, 8u);
  EXPECT_EQ(metadata->hash_type, 9u);
  EXPECT_EQ(metadata->vlan_protocol, 10);
  EXPECT_EQ(metadata->vlan_control, 11);
}

TEST_F(ReadRxMetadataTest, IsNotThereWithoutTheFlag) {
  packet_.flags = 0;
  EXPECT_FALSE(ReadRxMetadata(packet_).has_value());
}

TEST_F(ReadRxMetadataTest, IsGoneWhenAHeaderWasPushedOrPopped) {
  for (const std::ptrdiff_t by : {-50, -4, 4, 14}) {
    mempool::Packet moved = packet_;
    moved.data += by;
    if (by < 0) std::memset(moved.data, 0xff, static_cast<std::size_t>(-by));
    EXPECT_FALSE(ReadRxMetadata(moved).has_value()) << by;
  }
}

}  // namespace
}  // namespace pollux::pmd
