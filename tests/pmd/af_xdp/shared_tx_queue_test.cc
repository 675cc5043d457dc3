// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/shared_tx_queue.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::FrameAudit;
using mempool::Pool;

// The fake kernel, with an ear at the system call: what happens while one thread is in the kernel, and that no other one is.
class WatchedCalls final : public XskCalls {
 public:
  explicit WatchedCalls(support::FakeKernel& kernel) : kernel_(kernel) {}

  int WakeTx(int socket) override {
    EXPECT_FALSE(inside_.exchange(true)) << "two threads in the system call";
    const int error = kernel_.WakeTx(socket);
    if (during_call) during_call();
    inside_ = false;
    return error;
  }

  std::function<void()> during_call;

 private:
  support::FakeKernel& kernel_;
  std::atomic<bool> inside_{false};
};

class SharedTxQueueTest : public testing::Test {
 protected:
  static constexpr std::size_t kFrames = 1024;
  static constexpr uint32_t kRing = 64;
  static constexpr std::size_t kQueues = 3;
  static constexpr std::size_t kMaximumLength = 1518;

  SharedTxQueueTest() {
    Open({.flush_us = 0});
    for (auto& queue : queues_) queue = std::make_unique<SharedTxQueue>(sharing_);
  }
  ~SharedTxQueueTest() override {
    calls_.during_call = nullptr;
    ring_.Close();
    EXPECT_TRUE(support::FramesAreFree(*pool_));
  }

  void Open(const XskTxRing::Pace& pace) { ring_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), kMaximumLength, pace); }
  std::vector<Packet> Make(std::size_t count, uint32_t length = 64) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, count);
    for (Packet& packet : packets) packet.length = length;
    return packets;
  }
  absl::Status Balance(std::span<const Packet> held = {}) {
    FrameAudit audit(*pool_);
    audit.Add("socket", ring_.held());
    for (const Packet& packet : held) audit.Add("application", packet);
    return audit.Balance();
  }
  // What a queue's owner would be told: taken, and all that became of it (docs/ownership.md, E2).
  uint64_t Accounted(std::size_t queue) {
    const TxCounters& counters = queues_[queue]->counters();
    return counters.completed.sent.value() + counters.completed.dropped_busy.value() + counters.completed.dropped_link_down.value() +
           counters.dropped_too_short.value() + counters.dropped_too_long.value() + counters.dropped_at_stop.value();
  }
  // As another owner does with what it sends.
  void TakeBack() {
    std::array<mempool::FrameNumber, 64> frames;
    pool_->Put({frames.data(), ring_.TakeCompleted(frames)});
  }
  const TxCounters& Counters(std::size_t queue) { return queues_[queue]->counters(); }

  support::FakeKernel kernel_{kRing, 0xFFFFFFE0u};
  WatchedCalls calls_{kernel_};
  std::shared_ptr<Pool> pool_ = support::MakePool({.frame_count = kFrames, .slab_frames = 16});
  XskTxRing ring_{pool_, calls_};
  static constexpr uint64_t kAMinuteUs = 60'000'000;  // whatever the machine does meanwhile
  TxSharing sharing_{ring_, kAMinuteUs};
  std::array<std::unique_ptr<SharedTxQueue>, kQueues> queues_;
};

TEST_F(SharedTxQueueTest, EachQueueCountsItsOwn) {
  for (std::size_t queue = 0; queue < kQueues; ++queue) EXPECT_EQ(queues_[queue]->Send(Make(10 + queue, 100)), 10 + queue);
  queues_[0]->Send({});  // reclaims for all
  for (std::size_t queue = 0; queue < kQueues; ++queue) {
    EXPECT_EQ(Counters(queue).taken.value(), 10 + queue);
    EXPECT_EQ(Counters(queue).completed.sent.value(), 10 + queue);
    EXPECT_EQ(Counters(queue).bytes.value(), 100 * (10 + queue));
  }
  EXPECT_EQ(kernel_.sent.size(), 33u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_F(SharedTxQueueTest, AFullRingTakesTheFirstAndLeavesTheRest) {
  kernel_.budget = 0;
  EXPECT_EQ(queues_[0]->Send(Make(40)), 40u);
  const std::vector<Packet> packets = Make(40);
  EXPECT_EQ(queues_[1]->Send(packets), kRing - 40);
  EXPECT_EQ(Counters(1).ring_full.value(), 1u);
  const auto rest = std::span(packets).subspan(kRing - 40);
  EXPECT_TRUE(Balance(rest).ok()) << Balance(rest);
  kernel_.budget = 1000;
  EXPECT_EQ(queues_[0]->Send({}), 0u) << "an empty burst of any that has something in the ring pushes on what waits";
  EXPECT_EQ(kernel_.sent.size(), kRing);
  EXPECT_EQ(queues_[1]->Send(rest), rest.size());
}

TEST_F(SharedTxQueueTest, WhoComesDuringACallLeavesANoteAndIsServed) {
  bool first_call = true;
  calls_.during_call = [&] {
    if (!std::exchange(first_call, false)) return;
    std::thread([&] { EXPECT_EQ(queues_[1]->Send(Make(5)), 5u) << "the lock is held over the system call"; }).join();
    EXPECT_EQ(kernel_.sent.size(), 8u);
  };
  EXPECT_EQ(queues_[0]->Send(Make(8)), 8u);
  EXPECT_EQ(kernel_.sent.size(), 13u) << "the note was not seen";
  EXPECT_EQ(Counters(0).kicks.value(), 2u);
  EXPECT_EQ(Counters(1).kicks.value(), 0u);
}

TEST_F(SharedTxQueueTest, NobodyServesTheOthersForLong) {
  TxSharing sharing(ring_, /*longest_turn_us=*/0);
  SharedTxQueue one(sharing), other(sharing);
  std::size_t others = 0;
  calls_.during_call = [&] { std::thread([&] { others += other.Send(Make(1)); }).join(); };
  EXPECT_EQ(one.Send(Make(1)), 1u);
  EXPECT_EQ(one.counters().kicks.value(), 1u);
  EXPECT_EQ(kernel_.sent.size(), 1u);
  calls_.during_call = nullptr;
  EXPECT_FALSE(other.Poll()) << "who left the note comes back for its packets, and takes the turn";
  EXPECT_EQ(kernel_.sent.size(), 1 + others);
  one.Poll();
}

TEST_F(SharedTxQueueTest, NobodyServesTheOthersForEver) {
  std::size_t others = 0;
  calls_.during_call = [&] { std::thread([&] { others += queues_[1]->Send(Make(1)); }).join(); };
  EXPECT_EQ(queues_[0]->Send(Make(1)), 1u);
  EXPECT_EQ(Counters(0).kicks.value(), static_cast<uint64_t>(TxSharing::kMostCalls));
  calls_.during_call = nullptr;
  EXPECT_EQ(kernel_.sent.size(), others) << "the last one still waits";
  EXPECT_FALSE(queues_[2]->Poll()) << "it is not this one's";
  while (queues_[1]->Poll()) {
  }
  EXPECT_EQ(kernel_.sent.size(), 1 + others);
}

TEST_F(SharedTxQueueTest, WhatIsHeldBackIsSentForAllOfThemByTheFirstToPush) {
  Open({.flush_us = kMaximumFlushUs});
  EXPECT_EQ(queues_[0]->SendMore(Make(5)), 5u);
  EXPECT_EQ(queues_[1]->SendMore(Make(5)), 5u);
  for (int polls = 0; polls < 100; ++polls) EXPECT_TRUE(queues_[0]->Poll());
  EXPECT_EQ(kernel_.sent.size(), 0u);
  EXPECT_EQ(queues_[1]->Send(Make(1)), 1u);
  EXPECT_EQ(kernel_.sent.size(), 11u);
  EXPECT_FALSE(queues_[0]->Poll());
  EXPECT_FALSE(queues_[1]->Poll());
}

TEST_F(SharedTxQueueTest, WhatIsHeldBackGoesWhenItIsOldEnough) {
  Open({.flush_us = 20});
  EXPECT_EQ(queues_[0]->SendMore(Make(5)), 5u);
  const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(10));
  while (queues_[0]->Poll() && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(kernel_.sent.size(), 5u);
}

// Each sends one packet at the same moment, again and again. Whoever finds the other in the kernel leaves a note, and has it seen: nothing
// is visited afterwards, and nothing may wait.
TEST_F(SharedTxQueueTest, NoNoteIsLost) {
  Open({.flush_us = kMaximumFlushUs});
  constexpr int kRounds = 20'000;
  std::atomic<int> arrived{0};
  std::array<std::thread, 2> threads;
  std::atomic<int> waited{0};
  const auto meet = [&arrived](int target) {
    ++arrived;
    for (int looks = 0; arrived < target; ++looks) {
      if (looks > 1000) std::this_thread::yield();
    }
  };
  for (std::size_t number = 0; number < 2; ++number) {
    threads[number] = std::thread([&, number] {
      Packet packet;
      for (int round = 0; round < kRounds; ++round) {
        if (pool_->Allocate({&packet, 1}) != 1) continue;
        packet.length = 60;
        meet(4 * round + 2);
        queues_[number]->Send({&packet, 1});
        meet(4 * round + 4);
        if (number == 0 && kernel_.tx.waiting() > 0) ++waited;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(waited, 0);
  for (const auto& queue : queues_) queue->Send({});
}

// The same at every place of a Send at which the other thread can come in: a signal holds the first one up there until the second has sent.
// It gives up after a moment, since the second cannot send while the first is in the lock.
namespace held_up {

std::atomic<bool> held{false}, go_on{false};

void Handler(int) {
  held = true;
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
  while (!go_on && std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace held_up

TEST_F(SharedTxQueueTest, NoNoteIsLostWhereverItIsLeft) {
  Open({.flush_us = kMaximumFlushUs});
  constexpr int kRounds = 500, kMostSends = 1000;
  struct sigaction handler = {}, before = {};
  handler.sa_handler = held_up::Handler;
  ASSERT_EQ(sigaction(SIGUSR1, &handler, &before), 0);
  std::atomic<int> round{0}, begun{0}, finished{0};
  std::thread first([&] {
    Packet packet;
    for (int turn = 1; turn <= kRounds; ++turn) {
      while (round < turn) std::this_thread::yield();
      begun = turn;
      for (int sends = 0; sends < kMostSends && !held_up::held; ++sends) {
        if (pool_->Allocate({&packet, 1}) != 1) break;
        packet.length = 60;
        if (queues_[0]->Send({&packet, 1}) == 0) Pool::Free({&packet, 1});
      }
      while (!held_up::held) std::this_thread::yield();  // a signal neither comes into the next round nor finds no thread
      finished = turn;
    }
  });
  int left = 0;
  for (int turn = 1; turn <= kRounds; ++turn) {
    Packet packet;
    ASSERT_EQ(pool_->Allocate({&packet, 1}), 1u);
    packet.length = 60;
    held_up::held = held_up::go_on = false;
    round = turn;
    while (begun < turn) std::this_thread::yield();
    pthread_kill(first.native_handle(), SIGUSR1);
    while (!held_up::held && finished < turn) std::this_thread::yield();
    if (queues_[1]->Send({&packet, 1}) == 0) Pool::Free({&packet, 1});
    held_up::go_on = true;
    while (finished < turn) std::this_thread::yield();
    left += kernel_.tx.waiting() > 0;
  }
  first.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(left, 0) << "rounds after which a packet waits, and nobody comes back for it";
  for (const auto& queue : queues_) queue->Send({});
}

TEST_F(SharedTxQueueTest, LengthsThatCannotBeSentAreTakenAndCounted) {
  std::vector<Packet> packets = Make(5);
  packets[0].length = 13;
  packets[2].length = kMaximumLength + 1;
  packets[4].length = 0;
  EXPECT_EQ(queues_[1]->Send(packets), 5u);
  queues_[1]->Send({});
  EXPECT_EQ(Counters(1).dropped_too_short.value(), 2u);
  EXPECT_EQ(Counters(1).dropped_too_long.value(), 1u);
  EXPECT_EQ(Accounted(1), 5u);
  EXPECT_EQ(Counters(0).taken.value(), 0u);
}

TEST_F(SharedTxQueueTest, PacketsOfAnotherPoolAreCopiedWithinAMix) {
  const auto other = support::MakePool({.frame_count = 128, .slab_frames = 16});
  std::vector<Packet> packets = Make(20, 100);
  std::vector<Packet> foreign = support::AllocatePackets(*other, 10);
  for (Packet& packet : foreign) packet.length = 100;
  foreign[9].length = 1700;  // longer than the MTU allows
  packets.insert(packets.begin() + 10, foreign.begin(), foreign.end());
  for (std::size_t index = 0; index < packets.size(); ++index) support::WriteContents(packets[index], packets[index].length, index);
  EXPECT_EQ(queues_[2]->Send(packets), 30u);
  EXPECT_EQ(Counters(2).copied.value(), 9u);
  EXPECT_EQ(Counters(2).dropped_too_long.value(), 1u);
  EXPECT_EQ(other->FreeCount(), 128u);
  ASSERT_EQ(kernel_.sent.size(), 29u);
  for (std::size_t index = 0; index < 29; ++index) {
    const Packet sent{.data = pool_->region().base() + kernel_.sent[index].addr, .length = kernel_.sent[index].len, .pool = pool_->id()};
    EXPECT_TRUE(support::HasContents(sent, 100, index < 19 ? index : index + 1));
  }
  queues_[2]->Send({});
  EXPECT_EQ(Accounted(2), 30u);
}

TEST_F(SharedTxQueueTest, CopiesThatFindNoRoomAreUndone) {
  const auto other = support::MakePool({.frame_count = 128, .slab_frames = 16});
  kernel_.budget = 0;
  ASSERT_EQ(queues_[0]->Send(Make(kRing - 3)), kRing - 3);
  std::vector<Packet> foreign = support::AllocatePackets(*other, 10);
  for (Packet& packet : foreign) packet.length = 100;
  EXPECT_EQ(queues_[1]->Send(foreign), 3u);
  EXPECT_EQ(Counters(1).copied.value(), 3u);
  EXPECT_TRUE(Balance().ok()) << Balance();
  Pool::Free(std::span(foreign).subspan(3));
  EXPECT_EQ(other->FreeCount(), 128u);
}

TEST_F(SharedTxQueueTest, EbusyIsOneDropOfSomebody) {
  kernel_.errors = {EBUSY, EBUSY};
  EXPECT_EQ(queues_[0]->Send(Make(4)), 4u);
  EXPECT_EQ(queues_[1]->Send(Make(4)), 4u);
  queues_[0]->Send({});
  EXPECT_EQ(kernel_.sent.size(), 6u);
  uint64_t dropped = 0, sent = 0;
  for (std::size_t queue = 0; queue < kQueues; ++queue) {
    dropped += Counters(queue).completed.dropped_busy.value();
    sent += Counters(queue).completed.sent.value();
  }
  EXPECT_EQ(dropped, 2u);
  EXPECT_EQ(sent, 6u);
  EXPECT_EQ(Accounted(0) + Accounted(1), 8u);
}

TEST_F(SharedTxQueueTest, WithoutALinkEachQueueIsToldItsDrops) {
  Open({.flush_us = kMaximumFlushUs, .zero_copy = false});
  EXPECT_EQ(queues_[0]->SendMore(Make(7)), 7u);
  EXPECT_EQ(queues_[1]->SendMore(Make(9)), 9u);
  kernel_.errors = {ENETDOWN};
  EXPECT_EQ(queues_[2]->Send(Make(40)), 40u);
  EXPECT_EQ(kernel_.tx.waiting(), 0u);
  EXPECT_EQ(Counters(0).completed.dropped_link_down.value(), 7u);
  EXPECT_EQ(Counters(1).completed.dropped_link_down.value(), 9u);
  EXPECT_EQ(Counters(2).completed.dropped_link_down.value(), 40u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  for (const auto& queue : queues_) EXPECT_FALSE(queue->Poll());
  EXPECT_EQ(queues_[1]->Send(Make(3)), 3u);
  EXPECT_EQ(kernel_.sent.size(), 3u);
  queues_[1]->Send({});
}

TEST_F(SharedTxQueueTest, ADropNotedAfterItsFrameCameBackIsToldAtTheLatestByClose) {
  kernel_.errors = {EBUSY};
  calls_.during_call = [this] { TakeBack(); };  // before the first thread knows of the drop
  EXPECT_EQ(queues_[0]->Send(Make(1)), 1u);
  calls_.during_call = nullptr;
  EXPECT_EQ(Counters(0).completed.sent.value(), 1u) << "it was noted in time: this tests nothing";
  EXPECT_EQ(ring_.Drain(), 0u);
  ring_.Close();
  EXPECT_EQ(Counters(0).completed.sent.value(), 0u);
  EXPECT_EQ(Counters(0).completed.dropped_busy.value(), 1u);
  EXPECT_EQ(Accounted(0), 1u);
}

TEST_F(SharedTxQueueTest, CloseTellsEachQueueWhatWasLost) {
  kernel_.completes_at_once = false;
  EXPECT_EQ(queues_[0]->Send(Make(7)), 7u);
  EXPECT_EQ(queues_[2]->Send(Make(9)), 9u);
  EXPECT_EQ(ring_.Drain(), 16u);
  kernel_.Complete(2);
  EXPECT_EQ(ring_.Drain(), 14u);
  ring_.Close();
  EXPECT_EQ(Counters(0).dropped_at_stop.value(), 5u);
  EXPECT_EQ(Counters(1).dropped_at_stop.value(), 0u);
  EXPECT_EQ(Counters(2).dropped_at_stop.value(), 9u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_F(SharedTxQueueTest, AClosedQueueTakesNothing) {
  ring_.Close();
  std::vector<Packet> packets = Make(2);
  packets[0].length = 13;
  EXPECT_EQ(queues_[0]->Send(packets), 0u);
  EXPECT_EQ(Counters(0).taken.value(), 0u);
  Pool::Free(packets);
}

TEST_F(SharedTxQueueTest, EnxioEndsAllOfThem) {
  kernel_.errors = {ENXIO};
  EXPECT_EQ(queues_[0]->Send(Make(8)), 8u);
  const std::vector<Packet> more = Make(8);
  EXPECT_EQ(queues_[1]->Send(more), 0u);
  Pool::Free(more);
  EXPECT_EQ(kernel_.tx_wakeups, 1);
}

// More threads than cores, each with its queue; every packet goes out once, and nothing waits when they have ended.
TEST_F(SharedTxQueueTest, ThreadsSendAtOnce) {
  constexpr std::size_t kRounds = 20'000;
  std::atomic<std::size_t> ready{0};
  std::array<std::thread, kQueues> threads;
  for (std::size_t number = 0; number < kQueues; ++number) {
    threads[number] = std::thread([&, number] {
      for (++ready; ready < kQueues;) std::this_thread::yield();
      std::array<Packet, 16> burst;
      for (std::size_t round = 0; round < kRounds; ++round) {
        const std::size_t count = pool_->Allocate({burst.data(), 1 + round % burst.size()});
        for (std::size_t index = 0; index < count; ++index) burst[index].length = 60;
        std::size_t done = 0;
        while (done < count) done += queues_[number]->Send({burst.data() + done, count - done});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& queue : queues_) {
    while (queue->Poll()) {
    }
  }
  uint64_t taken = 0;
  for (std::size_t queue = 0; queue < kQueues; ++queue) {
    EXPECT_EQ(Counters(queue).taken.value(), Accounted(queue)) << "queue " << queue;
    taken += Counters(queue).taken.value();
  }
  EXPECT_EQ(kernel_.sent.size(), taken);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
