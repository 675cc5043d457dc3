// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/xsk_rx_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "bpf/xdp_shared.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::FrameAudit;
using mempool::Pool;

// docs/ownership.md: free -> fill and rx -> application -> free.
class XskRxQueueTest : public testing::TestWithParam<uint32_t> {
 protected:
  static constexpr std::size_t kFrames = 256;
  static constexpr uint32_t kRing = 64;

  XskRxQueueTest()
      : kernel_(kRing, GetParam()), pool_(support::MakePool({.frame_count = kFrames, .slab_frames = 16})), queue_(pool_, kernel_) {}

  void Open() { ASSERT_EQ(queue_.Open(3, kernel_.fill.memory(), kernel_.rx.memory(), FillLimits::Fixed(kRing)), kRing); }
  std::size_t Receive(std::size_t count) { return queue_.Receive({packets_.data(), count}); }
  absl::Status Balance(std::size_t held) {
    FrameAudit audit(*pool_);
    audit.Add("queue", queue_.held());
    for (std::size_t index = 0; index < held; ++index) audit.Add("application", packets_[index]);
    return audit.Balance();
  }

  support::FakeKernel kernel_;
  std::shared_ptr<Pool> pool_;
  XskRxQueue queue_;
  std::array<Packet, kFrames> packets_;
};
INSTANTIATE_TEST_SUITE_P(RingStarts, XskRxQueueTest, testing::Values(0u, 0xFFFFFFE0u));

TEST_P(XskRxQueueTest, AClosedQueueGivesNothing) {
  EXPECT_EQ(Receive(32), 0u);
}

TEST_P(XskRxQueueTest, FillsBeforeTheFirstPacket) {
  Open();
  EXPECT_EQ(kernel_.fill.waiting(), kRing);
  EXPECT_EQ(queue_.held().Count(), kRing);
  EXPECT_EQ(pool_->FreeCount(), kFrames - kRing);
}

TEST_P(XskRxQueueTest, HandsOnAddressLengthAndPool) {
  Open();
  ASSERT_TRUE(kernel_.Receive(60));
  ASSERT_TRUE(kernel_.Receive(1514));
  ASSERT_EQ(Receive(32), 2u);
  EXPECT_EQ(packets_[0].length, 60u);
  EXPECT_EQ(packets_[1].length, 1514u);
  EXPECT_EQ(pool_->Headroom(packets_[0]), pool_->headroom());
  EXPECT_EQ(packets_[0].pool, pool_->id());
  EXPECT_EQ(queue_.counters().packets.value(), 2u);
  EXPECT_EQ(queue_.counters().bytes.value(), 1574u);
  EXPECT_TRUE(Balance(2).ok()) << Balance(2);
  Pool::Free({packets_.data(), 2});
}

TEST_P(XskRxQueueTest, TakesNoMoreThanAsked) {
  Open();
  for (int count = 0; count < 10; ++count) kernel_.Receive(64);
  EXPECT_EQ(Receive(4), 4u);
  EXPECT_EQ(queue_.Receive({packets_.data() + 4, 32}), 6u);
  EXPECT_TRUE(Balance(10).ok());
  Pool::Free({packets_.data(), 10});
}

TEST_P(XskRxQueueTest, RunsThroughTheRingsManyTimes) {
  Open();
  std::mt19937 random(3);
  std::size_t sent = 0, received = 0;
  for (int round = 0; round < 500; ++round) {
    for (auto count = random() % 70; count > 0; --count) sent += kernel_.Receive(64);
    const std::size_t got = Receive(random() % 40);
    received += got;
    ASSERT_TRUE(Balance(got).ok()) << Balance(got);
    Pool::Free({packets_.data(), got});
  }
  while (const std::size_t got = Receive(32)) {
    received += got;
    Pool::Free({packets_.data(), got});
  }
  EXPECT_EQ(received, sent);
  Receive(32);
  EXPECT_EQ(queue_.held().Count(), kRing) << "an idle queue is full again";
}

TEST_P(XskRxQueueTest, AShortageIsMadeUpFor) {
  Open();
  // The application holds everything that is free.
  std::vector<Packet> hoard(kFrames - kRing);
  ASSERT_EQ(pool_->Allocate(hoard), hoard.size());
  for (uint32_t count = 0; count < kRing; ++count) ASSERT_TRUE(kernel_.Receive(64));
  ASSERT_EQ(Receive(kRing), kRing);
  EXPECT_FALSE(kernel_.Receive(64)) << "nothing to fill with";
  EXPECT_GT(queue_.counters().no_frame.value(), 0u);
  Pool::Free(hoard);
  EXPECT_EQ(queue_.Receive({&hoard[0], 1}), 0u);
  EXPECT_EQ(kernel_.fill.waiting(), kRing) << "healed by an idle poll";
  Pool::Free({packets_.data(), kRing});
}

TEST_P(XskRxQueueTest, WakesTheKernelOnlyWhenItAsks) {
  Open();
  Receive(32);
  EXPECT_EQ(kernel_.rx_wakeups, 0);
  kernel_.fill.SetNeedsWakeup(true);
  Receive(32);
  EXPECT_EQ(kernel_.rx_wakeups, 1);
  kernel_.Receive(64);
  ASSERT_EQ(Receive(32), 1u);
  EXPECT_EQ(kernel_.rx_wakeups, 1) << "not while packets come";
  Pool::Free({packets_.data(), 1});
}

// A call that the kernel refuses (the link is down) is not made at every poll, and not for an empty fill ring.
TEST_P(XskRxQueueTest, ARefusedWakeupIsNotRepeatedAtOnce) {
  Open();
  kernel_.fill.SetNeedsWakeup(true);
  kernel_.rx_error = ENETDOWN;
  for (int count = 0; count < 500; ++count) Receive(32);
  EXPECT_EQ(kernel_.rx_wakeups, 1);
  EXPECT_EQ(queue_.counters().wakeups.value(), 0u);
  EXPECT_EQ(queue_.counters().wakeups_failed.value(), 1u);
  kernel_.rx_error = 0;
  for (int count = 0; count < 2000; ++count) Receive(32);
  EXPECT_GT(queue_.counters().wakeups.value(), 0u) << "it is tried again";
  kernel_.rx_wakeups = 0;
  std::vector<Packet> hoard(kFrames - kRing);
  ASSERT_EQ(pool_->Allocate(hoard), hoard.size());
  while (kernel_.Receive(64)) {
  }
  ASSERT_EQ(Receive(kRing), kRing);
  for (int count = 0; count < 10; ++count) queue_.Receive({&packets_[kRing], 1});
  EXPECT_EQ(kernel_.rx_wakeups, 0) << "there is nothing to look at";
  EXPECT_EQ(queue_.counters().no_frame.value(), 1u) << "one shortage";
  Pool::Free(hoard);
  Pool::Free({packets_.data(), kRing});
}

TEST_P(XskRxQueueTest, ADeviceThatRanDryIsWokenWhilePacketsCome) {
  Open();
  std::vector<Packet> hoard(kFrames - kRing);
  ASSERT_EQ(pool_->Allocate(hoard), hoard.size());
  while (kernel_.Receive(64)) {
  }
  kernel_.fill.SetNeedsWakeup(true);
  ASSERT_EQ(Receive(kRing / 2), kRing / 2);
  EXPECT_EQ(kernel_.rx_wakeups, 0);
  Pool::Free(hoard);
  ASSERT_EQ(queue_.Receive({&packets_[kRing / 2], 1}), 1u);
  EXPECT_EQ(kernel_.rx_wakeups, 1) << "the rx ring is not empty yet";
  Pool::Free({packets_.data(), kRing / 2 + 1});
}

TEST_P(XskRxQueueTest, BusyPollingIsACallAnIdlePoll) {
  Open();
  queue_.SetBusyPolling(true);
  for (int count = 0; count < 3; ++count) Receive(32);
  EXPECT_EQ(kernel_.rx_wakeups, 3);
}

TEST_P(XskRxQueueTest, WaitsForItsSocketUnlessOnlyPollsHelp) {
  EXPECT_EQ(queue_.PrepareToWait(), -1) << "closed";
  Open();
  EXPECT_EQ(queue_.PrepareToWait(), 3);
  queue_.SetBusyPolling(true);
  EXPECT_EQ(queue_.PrepareToWait(), -1) << "busy polling";
  queue_.SetBusyPolling(false);
  // With packets in hand and nothing in the pool, only polls notice frames that others give back.
  for (int packet = 0; packet < 8; ++packet) ASSERT_TRUE(kernel_.Receive(60));
  ASSERT_EQ(Receive(8), 8u);
  std::array<mempool::FrameNumber, kFrames> all;
  const std::size_t taken = pool_->Get(all);
  EXPECT_EQ(queue_.PrepareToWait(), -1) << "short of frames";
  pool_->Put({all.data(), taken});
  EXPECT_EQ(queue_.PrepareToWait(), 3);
  EXPECT_EQ(queue_.outstanding(), kRing) << "filled before it waits";
  Pool::Free({packets_.data(), 8});
}

TEST_P(XskRxQueueTest, EachWaitArmsTheStampAnew) {
  EXPECT_EQ(queue_.FirstArrivalNs(), 0u) << "no program stamps";
  uint64_t stamp = 12;  // of a wait long ago
  queue_.SetWakeStamp(&stamp);
  EXPECT_EQ(queue_.PrepareToWait(), -1) << "closed";
  EXPECT_EQ(stamp, 12u);
  Open();
  ASSERT_EQ(queue_.PrepareToWait(), 3);
  EXPECT_EQ(stamp, static_cast<uint64_t>(WAKE_STAMP_ARMED));
  EXPECT_EQ(queue_.FirstArrivalNs(), 0u) << "nothing came";
  stamp = 345;
  EXPECT_EQ(queue_.FirstArrivalNs(), 345u);
  ASSERT_EQ(queue_.PrepareToWait(), 3);
  EXPECT_EQ(queue_.FirstArrivalNs(), 0u);
}

TEST_P(XskRxQueueTest, StopLosesNoFrame) {
  Open();
  for (int count = 0; count < 20; ++count) kernel_.Receive(64);
  ASSERT_EQ(Receive(5), 5u);
  queue_.Discard();
  EXPECT_EQ(queue_.counters().discarded_at_stop.value(), 15u);
  EXPECT_TRUE(Balance(5).ok());
  queue_.Close();
  EXPECT_EQ(queue_.held().Count(), 0u);
  EXPECT_TRUE(Balance(5).ok());
  EXPECT_EQ(Receive(32), 0u);
  Pool::Free({packets_.data(), 5});
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_P(XskRxQueueTest, FramesThatTheKernelHasNotReleasedStayHeld) {
  Open();
  queue_.Close(false);
  EXPECT_EQ(pool_->FreeCount(), kFrames - kRing);
  EXPECT_TRUE(Balance(0).ok()) << Balance(0);
  queue_.Close(true);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
