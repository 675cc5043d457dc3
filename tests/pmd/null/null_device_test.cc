// SPDX-License-Identifier: Apache-2.0
#include "pmd/null/null_device.h"

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Device> Started(const char* text, const std::shared_ptr<mempool::Pool>& pool) {
  auto device = OpenDevice(text);
  EXPECT_TRUE(device.ok()) << device.status();
  if (!device.ok()) return nullptr;
  EXPECT_TRUE((*device)->Configure({.pool = pool}).ok());
  EXPECT_TRUE((*device)->Start().ok());
  return *std::move(device);
}

TEST(NullDevice, GivesFullBurstsOfTheSizeAsked) {
  const auto pool = support::MakePool();
  const auto device = Started("net_null0,size=200", pool);
  ASSERT_TRUE(device);
  std::array<Packet, 32> burst;
  ASSERT_EQ(device->rx_queue(0).Receive(burst), 32u);
  for (const Packet& packet : burst) EXPECT_EQ(packet.length, 200u);
  EXPECT_EQ(device->Stats().rx_packets, 32u);
  EXPECT_EQ(device->Stats().rx_bytes, 32u * 200);
  EXPECT_EQ(device->tx_queue(0).Send(burst), 32u);
  EXPECT_EQ(device->Stats().tx_bytes, 32u * 200);
  EXPECT_TRUE(support::FramesAreFree(*pool)) << "Send frees at once";
}

TEST(NullDevice, CopyWritesEveryByteAndPlainWritesNone) {
  const auto pool = support::MakePool({.frame_count = 64, .slab_frames = 16});
  std::vector<Packet> all = support::AllocatePackets(*pool, 64);
  for (Packet& packet : all) support::WriteContents(packet, 100, 9);
  mempool::Pool::Free(all);
  std::array<Packet, 1> packet;
  const auto plain = Started("net_null0,size=100", pool);
  ASSERT_EQ(plain->rx_queue(0).Receive(packet), 1u);
  EXPECT_TRUE(support::HasContents(packet[0], 100, 9));
  mempool::Pool::Free(packet);
  const auto copy = Started("net_null1,size=100,copy=1", pool);
  ASSERT_EQ(copy->rx_queue(0).Receive(packet), 1u);
  const auto bytes = packet[0].bytes();
  EXPECT_TRUE(std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; }));
  mempool::Pool::Free(packet);
}

TEST(NullDevice, NoRxReceivesNothing) {
  const auto pool = support::MakePool();
  const auto device = Started("net_null0,no-rx=1", pool);
  std::array<Packet, 4> burst;
  EXPECT_EQ(device->rx_queue(0).Receive(burst), 0u);
  EXPECT_EQ(device->Stats().rx_nombuf, 0u);
}

TEST(NullDevice, AnExhaustedPoolGivesWhatIsLeftAndIsCounted) {
  const auto pool = support::MakePool({.frame_count = 20, .slab_frames = 4});
  const auto device = Started("net_null0", pool);
  std::array<Packet, 32> burst;
  const std::size_t count = device->rx_queue(0).Receive(burst);
  EXPECT_EQ(count, 20u);
  EXPECT_EQ(device->Stats().rx_nombuf, 1u);
  mempool::Pool::Free(std::span(burst).first(count));
}

TEST(NullDevice, BadArguments) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {{"net_null0,size=0", "size=0: must be a number from 1 to 3840"},
               {"net_null0,size=3841", "must be a number from 1 to 3840"},
               {"net_null0,copy=2", "copy=2: must be 0 or 1"},
               {"net_null0,no_rx=1", "unknown key no_rx; it takes size, copy, no-rx"}};
  for (const auto& bad : cases) {
    const absl::Status status = OpenDevice(bad.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(bad.message));
  }
}

TEST(NullDevice, PacketsLongerThanAFrameAreRefusedByConfigure) {
  auto device = OpenDevice("net_null0,size=1793");
  ASSERT_TRUE(device.ok());
  const absl::Status status = (*device)->Configure({.pool = support::MakePool()});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("net_null0: size=1793: a frame of this pool holds 1792 bytes"));
}

}  // namespace
}  // namespace pollux::pmd
