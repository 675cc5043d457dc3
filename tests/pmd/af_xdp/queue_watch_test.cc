// SPDX-License-Identifier: Apache-2.0
// Real queues over a scripted kernel that stops doing its part.
#include "pmd/af_xdp/queue_watch.h"

#include <gtest/gtest.h>

#include <array>

#include "pmd/af_xdp/xsk_tx_queue.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;

class QueueWatchTest : public testing::Test {
 protected:
  static constexpr std::size_t kFrames = 256;
  static constexpr uint32_t kRing = 64;
  static constexpr uint64_t kTickNs = 200'000'000;

  QueueWatchTest()
      : kernel_(kRing),
        pool_(support::MakePool({.frame_count = kFrames, .slab_frames = 16})),
        rx_(pool_, kernel_),
        ring_(pool_, kernel_),
        tx_(ring_) {
    EXPECT_EQ(rx_.Open(3, kernel_.fill.memory(), kernel_.rx.memory(), FillLimits::Fixed(kRing)), kRing);
    ring_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), 1518, {.flush_us = 0, .zero_copy = false});
    Look();
  }
  ~QueueWatchTest() override {
    kernel_.errors.clear();
    ring_.Close();
    rx_.Close();
  }

  bool Look() {
    kernel_.now_ns += kTickNs;
    return watch_.Look(MotionOf(rx_, ring_, receives_, *pool_), link_up_, kernel_.now_ns);
  }
  // Until something changes, for a second, with what the queues' thread does between two looks. Milliseconds it took.
  template <typename Between>
  uint64_t LooksUntilChange(Between between) {
    for (uint64_t waited_ms = kTickNs / 1'000'000; waited_ms <= 1000; waited_ms += kTickNs / 1'000'000) {
      between();
      if (Look()) return waited_ms;
    }
    return 0;
  }
  StallCause Rx() const { return watch_.rx().value_or(Stall{}).cause; }
  StallCause Tx() const { return watch_.tx().value_or(Stall{}).cause; }

  void Poll() {
    std::array<Packet, 32> packets;
    const std::size_t count = rx_.Receive(packets);
    Pool::Free({packets.data(), count});
    tx_.Poll();
  }
  void Send(std::size_t count) {
    std::array<Packet, 32> packets;
    ASSERT_EQ(pool_->Allocate({packets.data(), count}), count);
    for (Packet& packet : packets) packet.length = 64;
    const std::size_t sent = tx_.Send({packets.data(), count});
    Pool::Free({packets.data() + sent, count - sent});
  }

  support::FakeKernel kernel_;
  std::shared_ptr<Pool> pool_;
  XskRxQueue rx_;
  XskTxRing ring_;
  XskTxQueue tx_;
  QueueWatch watch_;
  bool receives_ = true;
  bool link_up_ = true;
};

TEST_F(QueueWatchTest, AQuietQueueAndOneThatMovesAreLeftAlone) {
  for (int look = 0; look < 10; ++look) {
    Poll();
    EXPECT_FALSE(Look());
  }
  for (int look = 0; look < 10; ++look) {
    kernel_.Receive(64);
    Send(4);
    Poll();
    EXPECT_FALSE(Look());
  }
  EXPECT_EQ(watch_.rx_stalls() + watch_.tx_stalls(), 0u);
}

TEST_F(QueueWatchTest, PacketsThatNobodyReceives) {
  kernel_.Receive(64);
  EXPECT_GT(LooksUntilChange([] {}), 0u);
  EXPECT_EQ(Rx(), StallCause::kNobodyReceives);
  EXPECT_EQ(watch_.rx()->text, "1 packets wait in the rx ring, and no thread receives them");
  EXPECT_GE(watch_.rx()->milliseconds, 400u);
  EXPECT_EQ(watch_.rx_stalls(), 1u);
  EXPECT_FALSE(Look()) << "told before";
  Poll();
  EXPECT_TRUE(Look()) << "it moves again";
  EXPECT_EQ(Rx(), StallCause::kNone);
  EXPECT_EQ(watch_.rx_stalls(), 1u);
}

TEST_F(QueueWatchTest, AQueueThatOnlySendsReceivesNothing) {
  receives_ = false;
  kernel_.Receive(64);
  EXPECT_EQ(LooksUntilChange([] {}), 0u);
}

TEST_F(QueueWatchTest, AnEmptyFillRing) {
  std::array<Packet, kFrames> kept;
  const std::size_t count = pool_->Allocate({kept.data(), kFrames - kRing});
  std::array<Packet, kRing> received;
  for (uint32_t frame = 0; frame < kRing; ++frame) kernel_.Receive(64);
  ASSERT_EQ(rx_.Receive(received), kRing);
  Look();
  EXPECT_GT(LooksUntilChange([this] { Poll(); }), 0u);
  EXPECT_EQ(Rx(), StallCause::kNoFrames);
  EXPECT_NE(watch_.rx()->text.find("the pool has 0 free"), std::string::npos) << watch_.rx()->text;
  Pool::Free(received);
  Pool::Free({kept.data(), count});
  Poll();
  EXPECT_TRUE(Look());
}

TEST_F(QueueWatchTest, AQueueThatNobodyPollsWantsNoFrames) {
  std::array<Packet, kRing> received;
  for (uint32_t frame = 0; frame < kRing; ++frame) kernel_.Receive(64);
  std::array<Packet, kFrames> kept;
  const std::size_t count = pool_->Allocate({kept.data(), kFrames - kRing});
  ASSERT_EQ(rx_.Receive(received), kRing);
  ASSERT_EQ(rx_.outstanding(), 0u);
  EXPECT_EQ(LooksUntilChange([] {}), 0u);
  Pool::Free(received);
  Pool::Free({kept.data(), count});
}

TEST_F(QueueWatchTest, AWakeUpThatTheKernelRefuses) {
  kernel_.fill.SetNeedsWakeup(true);
  kernel_.rx_error = ENXIO;
  EXPECT_GT(LooksUntilChange([this] {
              for (int poll = 0; poll < 2000; ++poll) Poll();
            }),
            0u);
  EXPECT_EQ(Rx(), StallCause::kWakeUpRefused);
  EXPECT_TRUE(ReopeningMayHelp(Rx()));
  kernel_.rx_error = 0;
  for (int poll = 0; poll < 2000; ++poll) Poll();
  EXPECT_TRUE(Look());
}

TEST_F(QueueWatchTest, AKernelThatTakesNothing) {
  kernel_.errors.assign(100'000, EAGAIN);
  Send(8);
  EXPECT_GT(LooksUntilChange([this] { Poll(); }), 0u);
  EXPECT_EQ(Tx(), StallCause::kNotTaken);
  EXPECT_TRUE(ReopeningMayHelp(Tx()));
  EXPECT_NE(watch_.tx()->text.find("8 packets wait in the tx ring; the kernel was asked"), std::string::npos) << watch_.tx()->text;
  kernel_.errors.clear();
  tx_.Send({});
  tx_.Poll();
  EXPECT_TRUE(Look());
  EXPECT_EQ(Tx(), StallCause::kNone);
}

TEST_F(QueueWatchTest, ADriverThatNeitherTakesNorAsks) {
  kernel_.tx.SetNeedsWakeup(false);
  Send(8);
  EXPECT_GT(LooksUntilChange([this] { Poll(); }), 0u);
  EXPECT_EQ(Tx(), StallCause::kNotTaken);
}

TEST_F(QueueWatchTest, PacketsThatNobodyComesBackFor) {
  kernel_.errors.assign(1, EAGAIN);
  Send(8);
  Look();
  EXPECT_GT(LooksUntilChange([] {}), 0u);
  EXPECT_EQ(Tx(), StallCause::kNobodySends);
  EXPECT_FALSE(ReopeningMayHelp(Tx()));
}

TEST_F(QueueWatchTest, ADriverThatCompletesNothing) {
  kernel_.completes_at_once = false;
  Send(8);
  Look();
  EXPECT_EQ(LooksUntilChange([this] { Poll(); }), 0u) << "drivers may give frames back when others follow";
  Send(8);
  EXPECT_GT(LooksUntilChange([this] { Poll(); }), 0u);
  EXPECT_EQ(Tx(), StallCause::kNotCompleted);
  EXPECT_EQ(watch_.tx()->text, "the driver took 16 packets and completes none of them");
  kernel_.Complete(1);
  Poll();
  EXPECT_TRUE(Look());
  EXPECT_EQ(Tx(), StallCause::kNone);
}

TEST_F(QueueWatchTest, WhatIsCompletedWaitsForTheNextPackets) {
  Send(8);
  Look();
  Send(8);
  ASSERT_EQ(ring_.completed_waiting(), 16u);
  EXPECT_EQ(LooksUntilChange([] {}), 0u) << "the driver did its part";
}

TEST_F(QueueWatchTest, WithTheLinkDownNothingShouldMove) {
  link_up_ = false;
  kernel_.errors.assign(100'000, EAGAIN);
  kernel_.Receive(64);
  Send(8);
  EXPECT_EQ(LooksUntilChange([] {}), 0u);
  link_up_ = true;
  EXPECT_GT(LooksUntilChange([] {}), 0u) << "the time begins when it comes up";
}

TEST_F(QueueWatchTest, AMachineThatStoodStillStallsNothing) {
  kernel_.Receive(64);
  Look();
  kernel_.now_ns += 60'000'000'000;
  EXPECT_FALSE(Look());
}

TEST_F(QueueWatchTest, ANewSocketIsNotTheOldOne) {
  kernel_.Receive(64);
  EXPECT_GT(LooksUntilChange([] {}), 0u);
  watch_.Forget();
  EXPECT_EQ(Rx(), StallCause::kNone);
  EXPECT_EQ(watch_.rx_stalls(), 1u) << "which goes on counting";
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
