// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/checksum.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

// The text of RFC 1071, byte by byte. Returns the checksum as a number.
uint16_t SlowChecksum(std::span<const std::byte> bytes) {
  uint32_t sum = 0;
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    sum += static_cast<uint32_t>(bytes[index]) << (index % 2 == 0 ? 8 : 0);
    sum = (sum & 0xFFFF) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

// A checksum in memory order, as a number.
uint16_t AsNumber(uint16_t checksum) {
  std::byte stored[2];
  std::memcpy(stored, &checksum, 2);
  return LoadBig16(stored);
}

std::vector<std::byte> RandomBytes(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& each : bytes) each = static_cast<std::byte>(random());
  return bytes;
}

TEST(Checksum, ExampleOfRfc1071) {
  const std::byte bytes[] = {std::byte{0x00}, std::byte{0x01}, std::byte{0xf2}, std::byte{0x03},
                             std::byte{0xf4}, std::byte{0xf5}, std::byte{0xf6}, std::byte{0xf7}};
  EXPECT_EQ(AsNumber(FoldChecksum(PartialSum(bytes))), 0xFFFF - 0xddf2);
}

TEST(Checksum, EveryLengthAtEveryAlignment) {
  const std::vector<std::byte> bytes = RandomBytes(300, 1);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    for (std::size_t length = 0; offset + length <= bytes.size(); ++length) {
      // A copy of exactly this size: the address sanitizer sees a read beyond.
      const std::unique_ptr<std::byte[]> exact(new std::byte[offset + length]);
      std::memcpy(exact.get(), bytes.data(), offset + length);
      const std::span<const std::byte> part(exact.get() + offset, length);
      ASSERT_EQ(AsNumber(FoldChecksum(PartialSum(part))), SlowChecksum(part)) << offset << " " << length;
    }
  }
}

TEST(Checksum, CarriesOfTheLargestSum) {
  const std::vector<std::byte> ones(65536, std::byte{0xFF});
  EXPECT_EQ(FoldChecksum(PartialSum(ones)), 0);
  EXPECT_EQ(FoldChecksum(~uint64_t{0}), 0);
  EXPECT_EQ(FoldChecksum(0), 0xFFFF);
}

TEST(Checksum, PartsAddUp) {
  const std::vector<std::byte> bytes = RandomBytes(101, 2);
  const std::span<const std::byte> all = bytes;
  EXPECT_EQ(FoldChecksum(PartialSum(all.first(34)) + PartialSum(all.subspan(34))), FoldChecksum(PartialSum(all)));
}

TEST(Checksum, CorrectChecksumOfWhatHeldAnyOther) {
  std::vector<std::byte> bytes = RandomBytes(40, 3);
  for (unsigned stored = 0; stored <= 0xFFFF; stored += 0x0101) {
    StoreBig16(bytes.data() + 10, 0);
    const uint16_t right = SlowChecksum(bytes);
    StoreBig16(bytes.data() + 10, static_cast<uint16_t>(stored));
    ASSERT_EQ(AsNumber(CorrectChecksum(PartialSum(bytes), bytes.data() + 10)), right);
  }
}

TEST(Checksum, UpdateKeepsRightRightAndWrongWrong) {
  for (unsigned seed = 0; seed < 1000; ++seed) {
    std::vector<std::byte> bytes = RandomBytes(40, seed);
    const bool right = seed % 2 == 0;
    StoreBig16(bytes.data() + 2, 0);
    StoreBig16(bytes.data() + 2, static_cast<uint16_t>(SlowChecksum(bytes) + (right ? 0 : 7)));
    uint16_t before;
    uint16_t after;
    std::memcpy(&before, bytes.data(), 2);
    bytes[0] ^= std::byte{0x88};
    std::memcpy(&after, bytes.data(), 2);
    UpdateChecksum(bytes.data() + 2, before, after);
    ASSERT_EQ(FoldChecksum(PartialSum(bytes)) == 0, right) << seed;
  }
}

TEST(Checksum, Ipv4HeaderOfTheTextbook) {
  const uint8_t header[20] = {0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xAA, 0xAA, 0xC0, 0xA8, 0, 1, 0xC0, 0xA8, 0, 0xC7};
  std::byte bytes[20];
  std::memcpy(bytes, header, 20);
  StoreIpv4Checksum(bytes, 20);
  EXPECT_EQ(LoadBig16(bytes + 10), 0xB861);
}

}  // namespace
}  // namespace pollux::testpmd
