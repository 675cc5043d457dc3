// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/inject_tx_queue.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "pmd/af_xdp/xsk_tx_queue.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;

struct Blocks {
  std::vector<inject_block> blocks = std::vector<inject_block>(INJECT_BLOCKS);
};

// Plays the kernel's side of one block: emits until told to stop, refuses what is scripted.
class FakeInjection final : private Blocks, public bpf::Injection {
 public:
  FakeInjection() : Injection(blocks) {}

  int Emit(unsigned number, uint32_t count, uint32_t longest) override {
    inject_block& block = blocks[number];
    block.emitted = block.sent = block.dropped = block.refused = block.flushed = 0;
    ++calls;
    longest_asked = longest;
    for (uint32_t index = 0; index < count && index < stop_after; ++index) {
      ++block.emitted;
      if (error != 0 && index >= refuse_from) {
        block.descriptors[index].error = static_cast<uint16_t>(error);
        ++block.refused;
      } else if (index >= room) {
        ++block.dropped;
      } else {
        ++block.sent;
        offsets.push_back(block.descriptors[index].offset);
      }
    }
    return stop_after < count ? stop_error : 0;
  }

  int calls = 0;
  uint32_t longest_asked = 0;
  uint32_t stop_after = UINT32_MAX;  // a call ends after so many, with stop_error
  int stop_error = EINTR;
  int error = 0;  // with which frames are refused, from the index refuse_from on
  uint32_t refuse_from = 0;
  uint32_t room = UINT32_MAX;  // of the device
  std::vector<uint32_t> offsets;
};

// docs/ownership.md: application -> staged -> free, or the ring's states.
class InjectTxQueueTest : public testing::Test {
 protected:
  static constexpr std::size_t kFrames = 4096;
  static constexpr uint32_t kRing = 2048;
  static constexpr unsigned kBlock = 5;

  InjectTxQueueTest()
      : kernel_(kRing), pool_(support::MakePool({.frame_count = kFrames, .slab_frames = 64})), rings_(pool_, kernel_), ring_(rings_) {
    kernel_.budget = kRing;
    rings_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), 1518);
    Make(InjectTxQueue::Policy::kAlwaysInject);
  }

  void Make(InjectTxQueue::Policy policy, bool ready = true) {
    queue_ = std::make_unique<InjectTxQueue>(pool_, ring_, rings_, policy);
    queue_->Open(&injection_, kBlock, ready);
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
  FakeInjection injection_;
  std::unique_ptr<InjectTxQueue> queue_;
};

TEST_F(InjectTxQueueTest, ABurstIsOneCallInOrderAndTheFramesAreFreeAfterwards) {
  const auto packets = Packets(100);
  EXPECT_EQ(queue_->Send(packets), 100u);
  EXPECT_EQ(injection_.calls, 1);
  ASSERT_EQ(injection_.offsets.size(), 100u);
  for (std::size_t index = 0; index < 100; ++index) EXPECT_EQ(injection_.offsets[index], pool_->Offset(packets[index].data));
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
  EXPECT_EQ(injection_.offsets.size(), 2500u);
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
  EXPECT_EQ(injection_.calls, 1) << "not asked again at once";
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
  const auto other = support::MakePool({.frame_count = 64, .slab_frames = 16});
  Packet foreign;
  ASSERT_EQ(other->Allocate({&foreign, 1}), 1u);
  foreign.length = 64;
  EXPECT_EQ(queue_->Send({&foreign, 1}), 1u);
  EXPECT_EQ(ring_.counters().copied.value(), 1u);
  queue_->Send({});
  ExpectBalance();
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
  queue_->Open(nullptr, 0, false);
  EXPECT_EQ(queue_->SendMore(Packets(10)), 10u);
  EXPECT_EQ(kernel_.sent.size(), 10u);
  EXPECT_EQ(queue_->counters().staged.value(), 0u);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
