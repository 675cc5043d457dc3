// SPDX-License-Identifier: Apache-2.0
// Which packets of a receive queue are said to have metadata.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "bpf/rx_metadata_shared.h"
#include "bpf/uapi.h"
#include "pmd/af_xdp/xsk_rx_queue.h"
#include "pmd/rx_metadata.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;

constexpr uint32_t kRing = 64;

class RxMetadataQueueTest : public testing::Test {
 protected:
  RxMetadataQueueTest() : kernel_(kRing), pool_(support::MakePool({.frame_count = kRing, .slab_frames = 16})), queue_(pool_, kernel_) {}
  ~RxMetadataQueueTest() override {
    queue_.Close();
    EXPECT_TRUE(support::FramesAreFree(*pool_));
  }
  void Open(bool metadata, bool scattered = false) {
    queue_.SetMetadata(metadata);
    queue_.SetScattered(scattered);
    ASSERT_EQ(queue_.Open(3, kernel_.fill.memory(), kernel_.rx.memory(), FillLimits::Fixed(kRing)), kRing);
  }
  // As a program leaves it in front of the next packet; 0: it left none.
  void Arrive(uint64_t timestamp_ns, bool continues = false) {
    ASSERT_GT(kernel_.fill.waiting(), 0u);
    const uint64_t address = kernel_.fill.Take() + support::FakeKernel::kHeadroom;
    if (timestamp_ns != 0) {
      rx_metadata left{};
      left.timestamp_ns = timestamp_ns;
      left.valid = RX_METADATA_TIMESTAMP;
      left.mark = RX_METADATA_WRITTEN;
      std::memcpy(pool_->region().base() + address - sizeof(left), &left, sizeof(left));
    }
    kernel_.rx.Put({.addr = address, .len = 60, .options = continues ? bpf::kXdpPacketContinues : 0});
  }
  std::span<Packet> Receive() { return {packets_.data(), queue_.Receive(packets_)}; }
  static uint64_t TimeOf(const Packet& packet) {
    const auto metadata = ReadRxMetadata(packet);
    return metadata ? metadata->timestamp_ns : 0;
  }

  support::FakeKernel kernel_;
  std::shared_ptr<Pool> pool_;
  XskRxQueue queue_;
  std::array<Packet, kRing> packets_;
};

TEST_F(RxMetadataQueueTest, ThoseThatHaveItSaySo) {
  Open(true);
  for (const uint64_t time : {1, 0, 3, 4, 5, 6, 0, 8}) Arrive(time);
  const auto burst = Receive();
  ASSERT_EQ(burst.size(), 8u);
  for (std::size_t index = 0; index < burst.size(); ++index) {
    const uint64_t time = index == 1 || index == 6 ? 0 : index + 1;
    EXPECT_EQ(TimeOf(burst[index]), time);
    EXPECT_EQ(burst[index].flags, time != 0 ? Packet::kRxMetadata : 0) << index;
  }
  Pool::Free(burst);
}

TEST_F(RxMetadataQueueTest, WhatAnEarlierPacketLeftIsNotThatOfALaterOne) {
  Open(true);
  for (uint32_t round = 0; round < 2; ++round) {
    // Every frame of the pool, so that all are used again.
    for (uint32_t index = 0; index < kRing; ++index) Arrive(round == 0 ? index + 1 : 0);
    const auto burst = Receive();
    ASSERT_EQ(burst.size(), kRing);
    for (const Packet& packet : burst) EXPECT_EQ(packet.flags, round == 0 ? Packet::kRxMetadata : 0);
    Pool::Free(burst);
    EXPECT_EQ(Receive().size(), 0u);  // refills
  }
}

TEST_F(RxMetadataQueueTest, WhoDidNotAskForItGetsNoFlag) {
  Open(false);
  Arrive(1);
  const auto burst = Receive();
  ASSERT_EQ(burst.size(), 1u);
  EXPECT_EQ(burst[0].flags, 0);
  Pool::Free(burst);
}

TEST_F(RxMetadataQueueTest, OfSeveralFramesTheFirstHasIt) {
  Open(true, true);
  Arrive(7, true);
  Arrive(8, true);
  Arrive(9);
  Arrive(10);
  const auto burst = Receive();
  ASSERT_EQ(burst.size(), 4u);
  EXPECT_EQ(burst[0].flags, Packet::kContinues | Packet::kRxMetadata);
  EXPECT_EQ(TimeOf(burst[0]), 7u);
  EXPECT_EQ(burst[1].flags, Packet::kContinues);
  EXPECT_EQ(burst[2].flags, 0);
  EXPECT_EQ(TimeOf(burst[3]), 10u);
  Pool::Free(burst);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
