// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/inject_tx_queue.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <vector>

#include "lcore/cycle_clock.h"
#include "pmd/af_xdp/xsk_tx_queue.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;

struct Machine {
  std::vector<inject_block> memory = std::vector<inject_block>(INJECT_BLOCKS);
  bpf::InjectBlocks blocks{std::span<inject_block, INJECT_BLOCKS>(memory.data(), INJECT_BLOCKS)};
  inject_state state = {};
};

// Plays the kernel's side of a call: emits until told to stop, refuses what is scripted.
class FakeInjection final : private Machine, public bpf::Injection {
 public:
  explicit FakeInjection(const mempool::Region& region)
      : Injection(blocks, Machine::state, region.base(), region.size()), pools(Machine::state.pools) {}

  int Emit(inject_block& block, uint32_t longest) override {
    Prepare(block);
    ++calls;
    longest_asked = longest;
    for (const auto end = std::chrono::steady_clock::now() + takes; std::chrono::steady_clock::now() < end;) {
    }
    for (uint32_t index = 0; index < block.count && index < stop_after; ++index) {
      ++block.emitted;
      if (error != 0 && index >= refuse_from && index < refuse_to) {
        block.errors[index] = static_cast<uint16_t>(error);
        ++block.refused;
      } else if (index >= room) {
        block.errors[index] = INJECT_NO_ROOM;
        ++block.dropped;
      } else {
        ++block.sent;
        descriptors.push_back(block.descriptors[index]);
      }
      ++block.flushed;
    }
    block.held = held;
    return stop_after < block.count ? stop_error : 0;
  }
  uint64_t offset(std::size_t index) const { return descriptors[index] & ((uint64_t{1} << INJECT_ADDRESS_BITS) - 1); }

  uint32_t& pools;
  int calls = 0;
  std::chrono::microseconds takes{0};
  uint32_t longest_asked = 0;
  uint32_t stop_after = UINT32_MAX;  // a call ends after so many, with stop_error
  int stop_error = EINTR;
  int error = 0;  // with which frames are refused, from the index refuse_from up to refuse_to
  uint32_t refuse_from = 0;
  uint32_t refuse_to = UINT32_MAX;
  uint32_t room = UINT32_MAX;  // of the device
  uint32_t held = 0;
  std::vector<uint64_t> descriptors;
};

// docs/ownership.md: application -> staged -> free, or the ring's states.
class InjectTxQueueTest : public testing::Test {
 protected:
  static constexpr std::size_t kFrames = 4096;
  static constexpr uint32_t kRing = 2048;

  InjectTxQueueTest()
      : kernel_(kRing),
        pool_(support::MakePool({.frame_count = kFrames, .frame_size = 4096, .slab_frames = 64})),
        rings_(pool_, kernel_),
        ring_(rings_) {
    kernel_.budget = kRing;
    rings_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), 1518, {.flush_us = 0});
    Make(InjectTxQueue::Policy::kAlwaysInject);
  }

  void Make(InjectTxQueue::Policy policy, bool ready = true, uint32_t flush_us = kMaximumFlushUs) {
    queue_ = std::make_unique<InjectTxQueue>(pool_, RingEnd{&ring_, &rings_, &rings_.owner(0)}, policy);
    queue_->Open(&injection_, ready, flush_us);
  }

  std::vector<Packet> Packets(std::size_t count, uint32_t length = 64) {
    std::vector<Packet> packets(count);
    EXPECT_EQ(pool_->Allocate(packets), count);
    for (Packet& packet : packets) packet.length = length;
    return packets;
  }
  void ExpectBalance(std::span<const Packet> held = {}) {
    mempool::FrameAudit audit(*pool_);
    audit.Add("ring", rings_.held());
    queue_->CollectFrames("staged", audit);
    for (const Packet& packet : held) audit.Add("application", packet);
    EXPECT_TRUE(audit.Balance().ok()) << audit.Balance();
    const InjectCounters& counters = queue_->counters();
    EXPECT_EQ(counters.staged.value(), counters.injected.value() + counters.dropped_no_room.value() + counters.dropped_untold.value() +
                                           counters.dropped_at_stop.value() + counters.to_ring.value() + queue_->staged());
  }
  // Packets as they left, ring and injection together; only one was used.
  std::vector<uint64_t> RingOffsets() const {
    std::vector<uint64_t> offsets;
    for (const xdp_desc& sent : kernel_.sent) offsets.push_back(sent.addr);
    return offsets;
  }

  support::FakeKernel kernel_;
  std::shared_ptr<Pool> pool_;
  XskTxRing rings_;
  XskTxQueue ring_;
  FakeInjection injection_{pool_->region()};
  std::unique_ptr<InjectTxQueue> queue_;
};

TEST_F(InjectTxQueueTest, ABurstIsOneCallInOrderAndTheFramesAreFreeAfterwards) {
  const auto packets = Packets(100);
  EXPECT_EQ(queue_->Send(packets), 100u);
  EXPECT_EQ(injection_.calls, 1);
  ASSERT_EQ(injection_.descriptors.size(), 100u);
  for (std::size_t index = 0; index < 100; ++index) EXPECT_EQ(injection_.offset(index), pool_->Offset(packets[index].data));
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  EXPECT_EQ(queue_->counters().injected.value(), 100u);
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, MoreWaitsUntilTheRoundEndsOrABlockIsFull) {
  for (int burst = 0; burst < 31; ++burst) EXPECT_EQ(queue_->SendMore(Packets(32)), 32u);
  EXPECT_EQ(injection_.calls, 0);
  EXPECT_EQ(queue_->staged(), 31u * 32);
  ExpectBalance();
  EXPECT_EQ(queue_->SendMore(Packets(32)), 32u) << "the 1024th goes at once";
  EXPECT_EQ(injection_.calls, 1);
  EXPECT_EQ(queue_->SendMore(Packets(10)), 10u);
  EXPECT_EQ(queue_->Send({}), 0u);
  EXPECT_EQ(injection_.calls, 2);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, ABurstLargerThanABlockIsSeveralCalls) {
  EXPECT_EQ(queue_->Send(Packets(2500)), 2500u);
  EXPECT_EQ(injection_.calls, 3);
  EXPECT_EQ(injection_.descriptors.size(), 2500u);
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, WhatTheDeviceHasNoRoomForIsADrop) {
  injection_.room = 60;
  EXPECT_EQ(queue_->Send(Packets(100)), 100u);
  EXPECT_EQ(queue_->counters().injected.value(), 60u);
  EXPECT_EQ(queue_->counters().dropped_no_room.value(), 40u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, ADeviceThatStopsTakingFramesLosesNoneAndTheyStayInOrder) {
  injection_.error = EOPNOTSUPP;
  injection_.refuse_from = 30;
  const auto packets = Packets(100);
  const uint64_t begin = lcore::ReadCycles();
  EXPECT_EQ(queue_->Send(packets), 100u);
  EXPECT_EQ(queue_->counters().injected.value(), 30u);
  EXPECT_EQ(queue_->counters().refused.value(), 70u);
  EXPECT_EQ(queue_->counters().to_ring.value(), 70u);
  EXPECT_EQ(queue_->counters().fallbacks.value(), 1u);
  EXPECT_FALSE(queue_->ready());
  const auto offsets = RingOffsets();
  ASSERT_EQ(offsets.size(), 70u);
  for (std::size_t index = 0; index < 70; ++index) EXPECT_EQ(offsets[index], pool_->Offset(packets[30 + index].data));
  EXPECT_EQ(queue_->Send(Packets(10)), 10u);
  // Unless this thread was away for as long as the device is left alone.
  if (lcore::ReadCycles() - begin < queue_->retry_in_cycles()) {
    EXPECT_EQ(injection_.calls, 1) << "not asked again at once";
  }
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, ItComesBackByItself) {
  injection_.error = EOPNOTSUPP;
  queue_->Send(Packets(10));
  injection_.error = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!queue_->ready() && std::chrono::steady_clock::now() < end) queue_->Send(Packets(10));
  EXPECT_TRUE(queue_->ready());
  EXPECT_EQ(queue_->counters().recoveries.value(), 1u);
  queue_->Send({});
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, APacketThatIsTooLongForTheDeviceDoesNotEndInjection) {
  injection_.error = EMSGSIZE;
  injection_.refuse_from = 99;
  EXPECT_EQ(queue_->Send(Packets(100)), 100u);
  EXPECT_TRUE(queue_->ready());
  EXPECT_EQ(queue_->counters().to_ring.value(), 1u) << "whose kernel has the last word";
}

TEST_F(InjectTxQueueTest, ASignalInTheMiddleLosesNothing) {
  injection_.stop_after = 64;
  EXPECT_EQ(queue_->Send(Packets(100)), 100u);
  EXPECT_EQ(queue_->counters().cut_short.value(), 1u);
  EXPECT_EQ(queue_->counters().injected.value(), 64u);
  EXPECT_EQ(queue_->counters().to_ring.value(), 36u);
  EXPECT_TRUE(queue_->ready());
  queue_->Send({});
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, ACallThatFailsAltogetherFallsBack) {
  injection_.stop_after = 0;
  injection_.stop_error = EPERM;
  EXPECT_EQ(queue_->Send(Packets(50)), 50u);
  EXPECT_FALSE(queue_->ready());
  EXPECT_EQ(kernel_.sent.size(), 50u);
}

TEST_F(InjectTxQueueTest, TheRingIsEmptiedFirst) {
  kernel_.budget = 0;  // the ring takes packets, and the kernel sends none
  ring_.Send(Packets(5));
  EXPECT_EQ(queue_->Send(Packets(50)), 50u);
  EXPECT_EQ(injection_.calls, 0) << "these would overtake the five";
  EXPECT_EQ(queue_->counters().kept_in_order.value(), 1u);
  kernel_.budget = kRing;
  EXPECT_EQ(queue_->Send(Packets(50)), 50u);
  EXPECT_EQ(injection_.calls, 1);
  EXPECT_EQ(kernel_.sent.size(), 55u);
}

TEST_F(InjectTxQueueTest, WhatOnlyTheRingCanSendGoesThere) {
  auto packets = Packets(3);
  packets[1].length = 13;
  EXPECT_EQ(queue_->Send(packets), 3u);
  EXPECT_EQ(queue_->counters().not_injectable.value(), 1u);
  EXPECT_EQ(ring_.counters().dropped_too_short.value(), 1u);
  packets = Packets(1, INJECT_LONGEST_FRAME + 1);
  rings_.SetMaximumLength(3600);
  EXPECT_EQ(queue_->Send(packets), 1u);
  EXPECT_EQ(queue_->counters().not_injectable.value(), 2u);
  EXPECT_EQ(injection_.calls, 0);
  queue_->Send({});
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, PacketsOfOtherPoolsAreReadFromWhereTheyAre) {
  const auto other = support::MakePool({.frame_count = 64, .slab_frames = 16});
  std::vector<Packet> packets = Packets(3);
  Pool::Free({&packets[1], 1});
  ASSERT_EQ(other->Allocate({&packets[1], 1}), 1u);
  packets[1].length = 64;
  EXPECT_EQ(queue_->Send(packets), 3u);
  ASSERT_EQ(injection_.descriptors.size(), 3u);
  EXPECT_NE(injection_.descriptors[0] & INJECT_IN_REGION, 0u);
  EXPECT_EQ(injection_.descriptors[1] & INJECT_IN_REGION, 0u);
  EXPECT_EQ(injection_.offset(1), reinterpret_cast<uint64_t>(packets[1].data));
  EXPECT_EQ(ring_.counters().copied.value(), 0u);
  EXPECT_EQ(other->FreeCount(), 64u);
  packets = Packets(1);
  Pool::Free(packets);
  ASSERT_EQ(other->Allocate(packets), 1u);
  packets[0].length = 1519;
  EXPECT_EQ(queue_->Send(packets), 1u);
  EXPECT_EQ(ring_.counters().dropped_too_long.value(), 1u);
  EXPECT_EQ(other->FreeCount(), 64u);
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, WhatIsNotInMemoryGoesThroughTheRingAndTheDeviceStaysAsItIs) {
  injection_.error = EFAULT;
  injection_.refuse_from = 10;
  injection_.refuse_to = 15;
  EXPECT_EQ(queue_->Send(Packets(100)), 100u);
  EXPECT_EQ(queue_->counters().not_resident.value(), 5u);
  EXPECT_EQ(queue_->counters().to_ring.value(), 5u);
  EXPECT_EQ(queue_->counters().injected.value(), 95u);
  EXPECT_TRUE(queue_->ready());
  queue_->Send({});
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, BytesAreThoseOfWhatWasSent) {
  injection_.room = 60;
  EXPECT_EQ(queue_->Send(Packets(100, 200)), 100u);
  EXPECT_EQ(queue_->counters().bytes.value(), 60u * 200);
  injection_.room = UINT32_MAX;
  EXPECT_EQ(queue_->Send(Packets(100, 100)), 100u);
  EXPECT_EQ(queue_->counters().bytes.value(), 60u * 200 + 100u * 100);
}

TEST_F(InjectTxQueueTest, TheMorePoolsThereAreTheDeeperACallHasToBe) {
  injection_.pools = 100;
  EXPECT_EQ(queue_->Send(Packets(6)), 6u);
  EXPECT_EQ(injection_.calls, 0);
  EXPECT_EQ(kernel_.sent.size(), 6u);
  EXPECT_EQ(queue_->counters().held_back.value(), 1u);
  EXPECT_EQ(queue_->Send(Packets(7)), 7u);
  EXPECT_EQ(injection_.calls, 1);
  injection_.pools = INJECT_MOST_POOLS;
  EXPECT_EQ(queue_->Send(Packets(500)), 500u);
  EXPECT_EQ(injection_.calls, 1);
  EXPECT_TRUE(queue_->ready()) << "it is not the device";
  injection_.pools = INJECT_MOST_POOLS - 1;
  EXPECT_EQ(queue_->Send(Packets(64)), 64u);
  EXPECT_EQ(injection_.calls, 2);
  queue_->Send({});
  ExpectBalance();
}

// Another thread was as fast: the program has the last word.
TEST_F(InjectTxQueueTest, WhatTheProgramRefusesForTheSakeOfPoolsGoesThroughTheRing) {
  injection_.error = EBUSY;
  EXPECT_EQ(queue_->Send(Packets(50)), 50u);
  EXPECT_EQ(kernel_.sent.size(), 50u);
  EXPECT_TRUE(queue_->ready());
}

// Half of what an injecting call into sockets costs is spent by another thread of the kernel.
TEST_F(InjectTxQueueTest, WhatPoolsCostElsewhereCounts) {
  Make(InjectTxQueue::Policy::kCheapest);
  injection_.held = 1;
  for (int burst = 0; burst < 100; ++burst) queue_->Send(Packets(8));
  EXPECT_GT(queue_->counters().pools_left.value(), 7u);
  const int before = injection_.calls;
  for (int burst = 0; burst < 100; ++burst) queue_->Send(Packets(8));
  EXPECT_LE(injection_.calls - before, 12) << "both fakes cost the same but for the 45 us";
  queue_->Send({});
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, WithoutAFreeBlockItIsTheRing) {
  std::vector<inject_block*> taken;
  while (inject_block* block = injection_.TakeBlock(0)) taken.push_back(block);
  EXPECT_EQ(queue_->Send(Packets(50)), 50u);
  EXPECT_EQ(kernel_.sent.size(), 50u);
  injection_.ReturnBlock(*taken[5]);
  EXPECT_EQ(queue_->Send(Packets(50)), 50u);
  EXPECT_EQ(injection_.calls, 1);
  EXPECT_EQ(queue_->Send(Packets(50)), 50u) << "it was given back";
  EXPECT_EQ(injection_.calls, 2);
}

TEST_F(InjectTxQueueTest, TheIntervalOfAskingDoublesAndStartsAnewAfterARecovery) {
  const uint64_t first = lcore::CyclesPerSecond() / 1000;
  injection_.error = EOPNOTSUPP;
  for (const uint64_t times : {1, 2, 4, 8, 16}) {
    const int before = injection_.calls;
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::milliseconds(20'000));
    while (injection_.calls == before && std::chrono::steady_clock::now() < end) queue_->Send(Packets(4));
    EXPECT_EQ(queue_->retry_in_cycles(), times * first);
  }
  injection_.error = 0;
  const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::milliseconds(20'000));
  while (!queue_->ready() && std::chrono::steady_clock::now() < end) queue_->Send(Packets(4));
  injection_.error = EOPNOTSUPP;
  queue_->Send(Packets(4));
  EXPECT_EQ(queue_->retry_in_cycles(), first);
  EXPECT_EQ(queue_->counters().fallbacks.value(), 2u);
}

TEST_F(InjectTxQueueTest, WhenNeitherTakesAnyTheCallerKeepsTheRest) {
  injection_.error = EOPNOTSUPP;
  kernel_.budget = 0;
  kernel_.completes_at_once = false;
  std::vector<Packet> packets = Packets(kFrames);
  const std::size_t taken = queue_->Send(packets);
  EXPECT_EQ(taken, std::size_t{kRing} + INJECT_BLOCK_FRAMES);
  EXPECT_EQ(queue_->Send(std::span(packets).subspan(taken)), 0u);
  ExpectBalance(std::span(packets).subspan(taken));
  queue_->Close();
  EXPECT_EQ(queue_->counters().dropped_at_stop.value(), uint64_t{INJECT_BLOCK_FRAMES});
  ExpectBalance(std::span(packets).subspan(taken));
}

TEST_F(InjectTxQueueTest, TheCheapestPolicyTriesBoth) {
  Make(InjectTxQueue::Policy::kCheapest);
  for (int burst = 0; burst < 100; ++burst) queue_->Send(Packets(8));
  EXPECT_GT(injection_.calls, 0);
  EXPECT_GT(kernel_.sent.size(), 0u);
  queue_->Send({});
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, WithoutAnInjectionItIsTheRing) {
  queue_->Open(nullptr, false, 1000);
  EXPECT_EQ(queue_->Send(Packets(10)), 10u);
  EXPECT_EQ(kernel_.sent.size(), 10u);
  EXPECT_EQ(queue_->counters().staged.value(), 0u);
}

// Every zero-copy port, and wherever injection is refused: the ring waits for enough, too.
TEST_F(InjectTxQueueTest, WithoutAnInjectionTheRingHoldsBack) {
  rings_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), 1518, {.flush_us = kMaximumFlushUs});
  queue_->Open(nullptr, false, kMaximumFlushUs);
  for (int burst = 0; burst < 8; ++burst) EXPECT_EQ(queue_->SendMore(Packets(32)), 32u);
  EXPECT_EQ(kernel_.tx_wakeups, 2);
  EXPECT_EQ(kernel_.sent.size(), 256u);
  EXPECT_FALSE(queue_->Poll());
}

TEST_F(InjectTxQueueTest, WhatIsStagedGoesWhenTheOldestIsOldEnough) {
  EXPECT_EQ(queue_->SendMore(Packets(5)), 5u);
  for (int polls = 0; polls < 1000; ++polls) EXPECT_TRUE(queue_->Poll());
  EXPECT_EQ(injection_.calls, 0) << "a second has not passed";
  EXPECT_EQ(queue_->Send({}), 0u);
  EXPECT_EQ(injection_.calls, 1);
  Make(InjectTxQueue::Policy::kAlwaysInject, true, 20);
  EXPECT_EQ(queue_->SendMore(Packets(5)), 5u);
  const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(10));
  while (queue_->Poll() && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(injection_.calls, 2);
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, WhereTheRingIsTakenItsMeasureHolds) {
  injection_.error = EOPNOTSUPP;
  EXPECT_EQ(queue_->Send(Packets(8)), 8u);
  ASSERT_FALSE(queue_->ready());
  kernel_.sent.clear();
  for (int burst = 0; burst < 4; ++burst) EXPECT_EQ(queue_->SendMore(Packets(32)), 32u);
  EXPECT_EQ(kernel_.sent.size(), XskTxRing::kEnough);
  queue_->Send({});
}

TEST_F(InjectTxQueueTest, WhatNeitherTookIsTriedAgainByPolls) {
  Make(InjectTxQueue::Policy::kAlwaysInject, true, 20);
  injection_.error = EOPNOTSUPP;
  kernel_.budget = 0;
  const std::vector<Packet> packets = Packets(kRing + 100);
  ASSERT_EQ(queue_->Send(packets), packets.size());
  ASSERT_EQ(queue_->staged(), 100u);
  EXPECT_TRUE(queue_->Poll());
  kernel_.budget = kRing;
  const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(10));
  while (queue_->Poll() && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(queue_->staged(), 0u);
  EXPECT_EQ(kernel_.sent.size(), packets.size());
  ExpectBalance();
}

TEST_F(InjectTxQueueTest, WhatIsTooLongToInjectGoesThroughTheRing) {
  const auto pool = support::MakePool({.frame_count = 64, .frame_size = 4096, .slab_frames = 16});
  support::FakeKernel kernel(64);
  XskTxRing rings(pool, kernel);
  XskTxQueue ring(rings);
  rings.Open(3, kernel.tx.memory(), kernel.completion.memory(), 3800, {.flush_us = 0});
  InjectTxQueue queue(pool, RingEnd{&ring, &rings, &rings.owner(0)}, InjectTxQueue::Policy::kAlwaysInject);
  queue.Open(&injection_, true, 0);
  std::vector<Packet> packets = support::AllocatePackets(*pool, 2);
  packets[0].length = INJECT_LONGEST_FRAME;
  packets[1].length = INJECT_LONGEST_FRAME + 1;
  EXPECT_EQ(queue.Send(std::span(packets).first(1)), 1u);
  EXPECT_EQ(injection_.calls, 1);
  EXPECT_EQ(queue.Send(std::span(packets).subspan(1)), 1u);
  EXPECT_EQ(injection_.calls, 1);
  EXPECT_EQ(kernel.sent.size(), 1u);
  EXPECT_EQ(queue.counters().not_injectable.value(), 1u);
  queue.Close();
  rings.Close();
}

// 1, 2, 4, ... ms: eight calls in 250 ms; without doubling it would be hundreds.
TEST_F(InjectTxQueueTest, ADeviceThatGoesOnRefusingIsAskedLessAndLess) {
  injection_.error = EOPNOTSUPP;
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(250);
  while (std::chrono::steady_clock::now() < end) queue_->Send(Packets(1));
  EXPECT_GE(injection_.calls, 2);
  EXPECT_LE(injection_.calls, 9);
  queue_->Send({});
}

TEST_F(InjectTxQueueTest, AfterARecoveryItIsAskedSoonAgain) {
  const auto fail_until_calls = [this](int calls) {
    injection_.error = EOPNOTSUPP;
    while (injection_.calls < calls) queue_->Send(Packets(1));
  };
  const auto time_of_next_call = [this] {
    const auto begin = std::chrono::steady_clock::now();
    for (const int calls = injection_.calls; injection_.calls == calls;) queue_->Send(Packets(1));
    return std::chrono::steady_clock::now() - begin;
  };
  auto shortest = std::chrono::nanoseconds::max();
  for (int attempt = 0; attempt < 3; ++attempt) {  // a machine that is busy may take long for other reasons
    fail_until_calls(injection_.calls + 8);        // the next is 128 ms away
    injection_.error = 0;
    while (!queue_->ready()) queue_->Send(Packets(1));
    injection_.error = EOPNOTSUPP;
    queue_->Send(Packets(1));
    ASSERT_FALSE(queue_->ready());
    shortest = std::min<std::chrono::nanoseconds>(shortest, time_of_next_call());
  }
  EXPECT_LT(shortest, std::chrono::milliseconds(64));
  queue_->Send({});
}

TEST_F(InjectTxQueueTest, PartOfABurstSaysNothingOfWhatAWholeOneCosts) {
  Make(InjectTxQueue::Policy::kCheapest);
  injection_.stop_after = 1;
  injection_.takes = std::chrono::microseconds(200);  // dear, if it were believed
  for (int burst = 0; burst < 100; ++burst) queue_->Send(Packets(8));
  EXPECT_GT(injection_.calls, 80);
  queue_->Send({});
}

TEST_F(InjectTxQueueTest, WhatTheDeviceHasNoRoomForDoesNotMakeItCheap) {
  Make(InjectTxQueue::Policy::kCheapest);
  injection_.room = 1;
  injection_.takes = std::chrono::microseconds(50);  // less than the ring's call for all, more than that for each
  class Slow final : public XskCalls {
   public:
    explicit Slow(support::FakeKernel& kernel) : kernel_(kernel) {}
    int WakeTx(int socket) override {
      for (const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(200); std::chrono::steady_clock::now() < end;) {
      }
      return kernel_.WakeTx(socket);
    }

   private:
    support::FakeKernel& kernel_;
  } calls(kernel_);
  XskTxRing rings(pool_, calls);
  XskTxQueue ring(rings);
  rings.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), 1518, {.flush_us = 0});
  InjectTxQueue queue(pool_, RingEnd{&ring, &rings, &rings.owner(0)}, InjectTxQueue::Policy::kCheapest);
  queue.Open(&injection_, true, 0);
  for (int burst = 0; burst < 200; ++burst) queue.Send(Packets(32));
  EXPECT_LT(injection_.calls, 60);
  queue.Close();
  while (rings.Drain() > 0) {
  }
  rings.Close();
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
