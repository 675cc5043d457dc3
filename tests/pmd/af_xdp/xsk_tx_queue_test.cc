// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/xsk_tx_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <random>

#include "pmd/af_xdp/tx_requests.h"
#include "pmd/af_xdp/xsk_rx_queue.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::FrameAudit;
using mempool::Pool;

// docs/ownership.md: application -> tx and completion -> free.
class XskTxQueueTest : public testing::TestWithParam<uint32_t> {
 protected:
  static constexpr std::size_t kFrames = 256;
  static constexpr uint32_t kRing = 64;
  static constexpr std::size_t kMaximumLength = 1518;

  XskTxQueueTest()
      : kernel_(kRing, GetParam()),
        pool_(support::MakePool({.frame_count = kFrames, .slab_frames = 16})),
        ring_(pool_, kernel_),
        queue_(ring_) {
    Open({.flush_us = 0});
  }

  void Open(const XskTxRing::Pace& pace) { ring_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), kMaximumLength, pace); }
  // As the owner of a queue does.
  testing::AssertionResult PollUntilNothingIsLeft() {
    return PollUntil([this] { return !queue_.Poll(); });
  }
  template <typename Condition>
  static testing::AssertionResult PollUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(10));
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return testing::AssertionFailure() << "not within the time";
    }
    return testing::AssertionSuccess();
  }

  std::span<Packet> Make(std::size_t count, uint32_t length = 64) { return MakeFrom(*pool_, count, length); }
  std::span<Packet> MakeFrom(Pool& pool, std::size_t count, uint32_t length) {
    EXPECT_EQ(pool.Allocate({packets_.data(), count}), count);
    for (std::size_t index = 0; index < count; ++index) packets_[index].length = length;
    return {packets_.data(), count};
  }
  absl::Status Balance(std::span<const Packet> held = {}) {
    FrameAudit audit(*pool_);
    audit.Add("queue", ring_.held());
    for (const Packet& packet : held) audit.Add("application", packet);
    return audit.Balance();
  }
  // taken = on the wire + dropped + pending, as pmd/device_stats.h has it.
  uint64_t Accounted() const {
    const TxCounters& counters = queue_.counters();
    return counters.completed.sent.value() + counters.completed.dropped_busy.value() + counters.dropped_too_short.value() +
           counters.completed.dropped_link_down.value() + counters.dropped_too_long.value() + counters.dropped_at_stop.value() +
           ring_.held().Count();
  }

  support::FakeKernel kernel_;
  std::shared_ptr<Pool> pool_;
  XskTxRing ring_;
  XskTxQueue queue_;
  std::array<Packet, kFrames> packets_;
};
INSTANTIATE_TEST_SUITE_P(RingStarts, XskTxQueueTest, testing::Values(0u, 0xFFFFFFE0u));

TEST_P(XskTxQueueTest, SendsInOrderWithOneCall) {
  const auto packets = Make(32);
  EXPECT_EQ(queue_.Send(packets), 32u);
  ASSERT_EQ(kernel_.sent.size(), 32u);
  for (std::size_t index = 0; index < 32; ++index) EXPECT_EQ(kernel_.sent[index].addr, pool_->Offset(packets[index].data));
  EXPECT_EQ(kernel_.tx_wakeups, 1);
  EXPECT_EQ(queue_.Send({}), 0u);
  EXPECT_EQ(ring_.held().Count(), 0u) << "an empty burst reclaims";
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_P(XskTxQueueTest, WhatIsFollowedByMoreWaitsForItOrForRoom) {
  Open({.flush_us = kMaximumFlushUs});
  const auto packets = Make(100);
  EXPECT_EQ(queue_.SendMore(packets.first(32)), 32u);
  EXPECT_EQ(queue_.SendMore(packets.subspan(32, 32)), 32u);
  EXPECT_EQ(kernel_.tx_wakeups, 0);
  EXPECT_EQ(queue_.SendMore(packets.subspan(64, 32)), 0u) << "the ring is full";
  EXPECT_EQ(kernel_.sent.size(), kRing);
  EXPECT_EQ(queue_.SendMore(packets.subspan(64)), 36u);
  EXPECT_EQ(kernel_.sent.size(), kRing);
  EXPECT_EQ(queue_.Send({}), 0u);
  EXPECT_EQ(kernel_.sent.size(), 100u) << "the end of the round sends what waits";
  queue_.Send({});
  EXPECT_TRUE(Balance().ok());
}

TEST_P(XskTxQueueTest, TheDataMayStartAnywhereInTheFrame) {
  const auto packets = Make(2);
  packets[0].data -= 256;
  packets[1].data += 1024;
  ASSERT_EQ(queue_.Send(packets), 2u);
  queue_.Send({});
  EXPECT_EQ(pool_->FreeCount(), kFrames) << "and it is still its own frame that comes back";
}

TEST_P(XskTxQueueTest, AFullRingTakesTheFirstAndLeavesTheRest) {
  kernel_.completes_at_once = false;
  kernel_.budget = 0;  // the kernel sends nothing
  const auto packets = Make(100);
  EXPECT_EQ(queue_.Send(packets), kRing);
  EXPECT_TRUE(Balance(packets.subspan(kRing)).ok()) << Balance(packets.subspan(kRing));
  EXPECT_EQ(queue_.counters().ring_full.value(), 1u);
  EXPECT_EQ(queue_.Send(packets.subspan(kRing)), 0u);
  kernel_.budget = 1000;
  EXPECT_EQ(queue_.Send({}), 0u);
  kernel_.Complete(1000);
  EXPECT_EQ(queue_.Send(packets.subspan(kRing)), 100 - kRing);
  kernel_.Complete(1000);
  queue_.Send({});
  EXPECT_EQ(kernel_.sent.size(), 100u);
  EXPECT_TRUE(Balance().ok());
}

TEST_P(XskTxQueueTest, WhatIsHeldBackGoesWhenTheOldestIsOldEnough) {
  Open({.flush_us = kMaximumFlushUs});
  EXPECT_EQ(queue_.SendMore(Make(5)), 5u);
  for (int polls = 0; polls < 1000; ++polls) EXPECT_TRUE(queue_.Poll());
  EXPECT_EQ(kernel_.tx_wakeups, 0) << "a second has not passed";
  EXPECT_EQ(queue_.Send({}), 0u);
  EXPECT_EQ(kernel_.sent.size(), 5u) << "asked";
  Open({.flush_us = 20});
  EXPECT_EQ(queue_.SendMore(Make(5)), 5u);
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_EQ(kernel_.sent.size(), 10u);
}

TEST_P(XskTxQueueTest, WhatFollowsDoesNotMakeTheOldestYounger) {
  Open({.flush_us = 100'000});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(queue_.SendMore(Make(1)), 1u);
  // A packet that cannot be sent follows without end.
  EXPECT_TRUE(PollUntil([&] {
    const auto packets = Make(1);
    packets[0].length = 13;
    EXPECT_EQ(queue_.SendMore(packets), 1u);
    return !kernel_.sent.empty();
  }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(99));
}

TEST_P(XskTxQueueTest, WithoutATimeToWaitNothingIsHeldBack) {
  EXPECT_EQ(queue_.SendMore(Make(1)), 1u);
  EXPECT_EQ(kernel_.sent.size(), 1u);
}

TEST_P(XskTxQueueTest, APollTakesBackWhatWasCompleted) {
  kernel_.completes_at_once = false;
  EXPECT_EQ(queue_.Send(Make(8)), 8u);
  EXPECT_TRUE(queue_.Poll());
  kernel_.Complete(5);
  EXPECT_TRUE(queue_.Poll());
  kernel_.Complete(3);
  EXPECT_FALSE(queue_.Poll());
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

// The far end stands still, takes packets again, and the sender has nothing more to send.
TEST_P(XskTxQueueTest, WhatTheKernelPutOffIsSentByPollsAlone) {
  Open({.flush_us = 20});
  kernel_.budget = 0;
  EXPECT_EQ(queue_.Send(Make(60)), 60u);
  for (int polls = 0; polls < 1000; ++polls) EXPECT_TRUE(queue_.Poll());
  kernel_.budget = 1000;
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_EQ(kernel_.sent.size(), 60u);
}

TEST_P(XskTxQueueTest, WhatTheKernelPutOffIsNotTriedAtEveryPoll) {
  Open({.flush_us = kMaximumFlushUs});
  kernel_.budget = 0;
  EXPECT_EQ(queue_.Send(Make(60)), 60u);
  const int calls = kernel_.tx_wakeups;
  for (int polls = 0; polls < 1000; ++polls) {
    queue_.Poll();
    queue_.Send({});
  }
  EXPECT_EQ(kernel_.tx_wakeups, calls);
  EXPECT_EQ(queue_.Send(Make(1)), 1u);
  EXPECT_EQ(kernel_.tx_wakeups, calls + 1) << "new packets are worth a call, and one is enough where nothing moves";
}

// Zero-copy: the call only wakes the driver, which takes the packets some time later.
TEST_P(XskTxQueueTest, ADriverThatWasWokenIsNotWokenAgainForTheSamePackets) {
  class Sleepy final : public XskCalls {
   public:
    int WakeTx(int) override { return ++calls, 0; }
    int calls = 0;
  } driver;
  XskTxRing ring(pool_, driver);
  XskTxQueue queue(ring);
  ring.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), kMaximumLength, {.flush_us = kMaximumFlushUs});
  EXPECT_EQ(queue.Send(Make(8)), 8u);
  for (int polls = 0; polls < 100; ++polls) queue.Send({});
  EXPECT_EQ(driver.calls, 1);
  EXPECT_EQ(queue.Send(Make(8)), 8u);
  EXPECT_EQ(driver.calls, 2);
  ring.Close();
}

TEST_P(XskTxQueueTest, AnIdleQueueAsksNobody) {
  for (int polls = 0; polls < 100; ++polls) {
    EXPECT_EQ(queue_.Send({}), 0u);
    EXPECT_FALSE(queue_.Poll());
  }
  EXPECT_EQ(kernel_.tx_wakeups, 0);
}

TEST_P(XskTxQueueTest, EagainIsTriedAgainAndBounded) {
  kernel_.budget = 10;
  EXPECT_EQ(queue_.Send(Make(60)), 60u);
  EXPECT_EQ(kernel_.tx_wakeups, 2) << "60 packets are worth two calls at 32 a call";
  EXPECT_EQ(kernel_.sent.size(), 20u);
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_EQ(kernel_.sent.size(), 60u) << "and the rest goes out with what comes later";
  EXPECT_EQ(Accounted(), 60u);
}

TEST_P(XskTxQueueTest, NothingMovesAndTheCallsAreFew) {
  kernel_.budget = 0;
  EXPECT_EQ(queue_.Send(Make(kRing)), kRing);
  EXPECT_LE(kernel_.tx_wakeups, 3);
  kernel_.tx_wakeups = 0;
  for (int sends = 0; sends < 10; ++sends) {
    const auto packets = Make(1);
    EXPECT_EQ(queue_.Send(packets), 0u);
    Pool::Free(packets);
  }
  EXPECT_LE(kernel_.tx_wakeups, 10) << "an attempt that moved nothing makes the next a single call";
}

// Where one call may send the whole ring, EAGAIN says that nothing more can be sent now.
TEST_P(XskTxQueueTest, EagainOfAKernelWithoutABudgetEndsTheAttempt) {
  Open({.flush_us = kMaximumFlushUs, .packets_a_call = kRing});
  kernel_.budget = 10;
  EXPECT_EQ(queue_.Send(Make(60)), 60u);
  EXPECT_EQ(kernel_.tx_wakeups, 1);
}

TEST_P(XskTxQueueTest, EbusyIsOneCountedDropAndTheRestGoesOn) {
  kernel_.errors = {EBUSY, EBUSY};
  EXPECT_EQ(queue_.Send(Make(32)), 32u);
  EXPECT_EQ(kernel_.sent.size(), 30u);
  EXPECT_EQ(kernel_.tx_wakeups, 3);
  queue_.Send({});
  EXPECT_EQ(queue_.counters().completed.dropped_busy.value(), 2u);
  EXPECT_EQ(queue_.counters().completed.sent.value(), 30u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_P(XskTxQueueTest, WhatCountedAsSentStaysSentWhenTheKernelDropsLater) {
  EXPECT_EQ(queue_.Send(Make(32)), 32u);
  queue_.Send({});
  ASSERT_EQ(queue_.counters().completed.sent.value(), 32u);
  kernel_.errors = {EBUSY, EBUSY};
  EXPECT_EQ(queue_.Send(Make(32)), 32u);
  const uint64_t dropped = queue_.counters().completed.dropped_busy.value();
  EXPECT_EQ(Accounted(), 64u) << "not dropped and pending at once";
  queue_.Send({});
  EXPECT_EQ(queue_.counters().completed.sent.value(), 62u);
  EXPECT_EQ(dropped, 0u) << "which it is is told when the frames are back";
  EXPECT_EQ(queue_.counters().completed.dropped_busy.value(), 2u);
}

TEST_P(XskTxQueueTest, AKernelThatOnlySaysEbusyIsLeftAloneForAWhile) {
  Open({.flush_us = kMaximumFlushUs});
  kernel_.errors.assign(1000, EBUSY);
  EXPECT_EQ(queue_.Send(Make(32)), 32u);
  EXPECT_EQ(kernel_.tx_wakeups, 4) << "a call for each packet that is dropped: the others wait, and push back";
  queue_.Send({});
  EXPECT_EQ(queue_.counters().completed.dropped_busy.value(), 4u);
  EXPECT_EQ(ring_.waiting(), 28u);
  kernel_.errors.clear();
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_EQ(kernel_.sent.size(), 28u);
  EXPECT_EQ(Accounted(), 32u);
}

// Each errno has its counter; what was taken stays in the ring, and goes out when the kernel is well again.
class XskTxErrno : public XskTxQueueTest {};
INSTANTIATE_TEST_SUITE_P(RingStart, XskTxErrno, testing::Values(0u));

TEST_P(XskTxErrno, KeepsThePacketsAndCounts) {
  const struct {
    int error;
    const lcore::Counter& counter;
  } cases[] = {{ENOBUFS, queue_.counters().kicks_no_buffer},  {ENOMEM, queue_.counters().kicks_no_buffer},
               {ENETDOWN, queue_.counters().kicks_link_down}, {EOPNOTSUPP, queue_.counters().kicks_failed},
               {EINTR, queue_.counters().kicks_again},        {EAGAIN, queue_.counters().kicks_again}};
  for (const auto& [error, counter] : cases) {
    const uint64_t before = counter.value();
    const std::size_t sent_before = kernel_.sent.size();
    kernel_.errors = {error};
    ASSERT_EQ(queue_.Send(Make(8)), 8u);
    EXPECT_EQ(counter.value(), before + 1) << "errno " << error;
    EXPECT_EQ(kernel_.sent.size(), sent_before);
    EXPECT_TRUE(PollUntilNothingIsLeft());
    EXPECT_EQ(kernel_.sent.size(), sent_before + 8) << "errno " << error;
  }
  EXPECT_FALSE(ring_.device_gone());
  EXPECT_TRUE(Balance().ok());
}

// In copy mode nobody but us has the kernel look at the ring: what it did not want is taken back.
TEST_P(XskTxErrno, WithoutALinkPacketsAreDropped) {
  ring_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), kMaximumLength, {.zero_copy = false});
  ASSERT_EQ(queue_.Send(Make(5)), 5u);
  for (int burst = 0; burst < 20; ++burst) {
    kernel_.errors = {ENETDOWN};
    ASSERT_EQ(queue_.Send(Make(8)), 8u);
    EXPECT_EQ(kernel_.tx.waiting(), 0u);
  }
  kernel_.errors = {ENETDOWN};
  ASSERT_EQ(queue_.SendMore(Make(8)), 8u);
  queue_.Send(Make(1));
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 169u);
  EXPECT_EQ(kernel_.sent.size(), 5u);
  ASSERT_EQ(queue_.Send(Make(3)), 3u);
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_EQ(kernel_.sent.size(), 8u);
  EXPECT_EQ(Accounted(), 177u);
  EXPECT_TRUE(Balance().ok());
}

// A call that drops a packet does not say that it has taken it, and the link goes down right behind it.
TEST_P(XskTxErrno, WhatTheKernelHasTakenWithoutSayingSoIsNotTakenBack) {
  Open({.flush_us = 0, .zero_copy = false, .says_what_it_sent = true});
  kernel_.says_drops = false;
  kernel_.errors = {EBUSY, ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(5)), 5u);
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 4u);
  queue_.Send({});
  EXPECT_EQ(queue_.counters().completed.dropped_busy.value(), 1u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  EXPECT_FALSE(queue_.Poll());
  ASSERT_EQ(queue_.Send(Make(3, 100)), 3u);
  EXPECT_TRUE(PollUntilNothingIsLeft());
  ASSERT_EQ(kernel_.sent.size(), 3u);
  for (const xdp_desc& sent : kernel_.sent) EXPECT_EQ(sent.len, 100u);
  EXPECT_EQ(Accounted(), 8u);
  EXPECT_TRUE(Balance().ok());
}

// Frames that came back from such calls are in the ring for the second time, and at its head for the first.
TEST_P(XskTxErrno, FramesThatAreSentAgainAreTakenBackOnce) {
  Open({.flush_us = kMaximumFlushUs, .zero_copy = false, .says_what_it_sent = true});
  kernel_.says_drops = false;
  kernel_.errors = {EBUSY, EBUSY, EBUSY, EBUSY};
  ASSERT_EQ(queue_.Send(Make(6)), 6u);
  queue_.Send({});
  kernel_.errors = {ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(4)), 4u);
  EXPECT_EQ(queue_.counters().completed.dropped_busy.value(), 4u);
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 6u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  ASSERT_EQ(queue_.Send(Make(3, 100)), 3u);
  ASSERT_EQ(kernel_.sent.size(), 3u);
  for (const xdp_desc& sent : kernel_.sent) EXPECT_EQ(sent.len, 100u);
  queue_.Send({});
  EXPECT_EQ(Accounted(), 13u);
  EXPECT_TRUE(Balance().ok());
}

// The same in poll(2) of a thread that waits for packets of the socket: nobody sees the error.
TEST_P(XskTxErrno, WhatTheKernelHasDroppedInPollIsNotTakenBack) {
  Open({.flush_us = kMaximumFlushUs, .zero_copy = false, .says_what_it_sent = true});
  ASSERT_EQ(queue_.SendMore(Make(5)), 5u);
  kernel_.completion.Put(kernel_.tx.Take(false).addr);
  kernel_.errors = {ENETDOWN};
  queue_.Send({});
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 4u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  ASSERT_EQ(queue_.Send(Make(3, 100)), 3u);
  ASSERT_EQ(kernel_.sent.size(), 3u);
  for (const xdp_desc& sent : kernel_.sent) EXPECT_EQ(sent.len, 100u);
  queue_.Send({});
  EXPECT_EQ(Accounted(), 8u);
  EXPECT_TRUE(Balance().ok());
}

// Before Linux 6.17 a call that stops early says nothing of what it has sent.
TEST_P(XskTxErrno, OfAnOlderKernelAsMuchAsACallSendsIsNotTakenBack) {
  Open({.flush_us = 0, .packets_a_call = 8, .zero_copy = false});
  kernel_.errors = {EAGAIN, ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(20)), 20u);
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 12u);
  kernel_.errors.clear();
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_EQ(kernel_.sent.size(), 8u);
  EXPECT_EQ(Accounted(), 20u);
  EXPECT_TRUE(Balance().ok());
}

// Another thread receives from the socket, and may wait for packets: what was prepared is a poll(2) after the next Receive, and over after
// the second.
class XskTxWhileAThreadWaits : public XskTxErrno {
 protected:
  XskTxWhileAThreadWaits() : other_(kRing, GetParam()), rx_(pool_, other_) {
    rx_.SetTxRing(ring_);
    rx_.Open(3, other_.fill.memory(), other_.rx.memory(), {.fewest = 8, .most = kRing});
  }
  std::size_t Receive() {
    std::array<Packet, 8> none;
    return rx_.Receive(none);
  }

  support::FakeKernel other_;
  XskRxQueue rx_;
};
INSTANTIATE_TEST_SUITE_P(RingStarts, XskTxWhileAThreadWaits, testing::Values(0u, 0xFFFFFFE0u));

// poll(2) of whoever waits for packets of the socket has the kernel look at the ring, too.
TEST_P(XskTxWhileAThreadWaits, NothingIsTakenBackWhileAnotherThreadWaitsForPackets) {
  ring_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), kMaximumLength, {.zero_copy = false, .says_what_it_sent = true});

  ASSERT_EQ(rx_.PrepareToWait(), 3);
  EXPECT_EQ(Receive(), 0u) << "and now it may wait";
  kernel_.errors = {ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(8)), 8u);
  EXPECT_EQ(kernel_.tx.waiting(), 8u);
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 0u);

  EXPECT_EQ(Receive(), 0u) << "it is awake";
  EXPECT_EQ(rx_.PrepareToWait(), -1) << "something is to be taken back first";
  kernel_.errors = {ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(8)), 8u);
  EXPECT_EQ(kernel_.tx.waiting(), 0u);
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 16u);
  EXPECT_EQ(rx_.PrepareToWait(), 3) << "nothing is";

  // Refused again, and then the link is up before anything could be taken back.
  kernel_.errors = {ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(4)), 4u);
  EXPECT_EQ(Receive(), 0u);
  EXPECT_EQ(Receive(), 0u);
  EXPECT_EQ(rx_.PrepareToWait(), -1);
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_EQ(kernel_.sent.size(), 4u);
  EXPECT_EQ(rx_.PrepareToWait(), 3);
  EXPECT_EQ(Accounted(), 20u);

  // A stop asks nobody: by then no thread uses the queues.
  kernel_.errors = {ENETDOWN, ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(4)), 4u);
  EXPECT_EQ(kernel_.tx.waiting(), 4u);
  EXPECT_EQ(ring_.Drain(), 0u);
  EXPECT_EQ(Accounted(), 24u);
  rx_.Close();
  EXPECT_TRUE(Balance().ok());
}

// Before Linux 6.17 nobody can tell what that call has sent: all that was in the ring stays there, and is pending, until the kernel says
// that it has passed it. Meanwhile no further wait begins, so that it is not more each time.
TEST_P(XskTxWhileAThreadWaits, OfAnOlderKernelWhatWasInTheRingDuringAPollIsNotTakenBack) {
  Open({.flush_us = kMaximumFlushUs, .packets_a_call = 8, .zero_copy = false});
  kernel_.completes_at_once = false;

  ASSERT_EQ(queue_.SendMore(Make(20)), 20u);
  ASSERT_EQ(rx_.PrepareToWait(), 3);
  EXPECT_EQ(Receive(), 0u) << "and now it may wait";
  kernel_.SendUnsaid(12);
  EXPECT_EQ(Receive(), 0u) << "it is awake";
  ASSERT_EQ(queue_.SendMore(Make(5, 100)), 5u);
  kernel_.errors = {ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(3, 100)), 3u);
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 8u) << "what came later is taken back";
  EXPECT_EQ(queue_.counters().pending(), 20u);
  EXPECT_EQ(ring_.held().Count(), 20u);
  EXPECT_EQ(rx_.PrepareToWait(), -1) << "a poll could take what comes now";
  kernel_.errors = {ENETDOWN};
  ASSERT_EQ(queue_.Send(Make(4, 100)), 4u);
  EXPECT_EQ(queue_.counters().completed.dropped_link_down.value(), 12u);

  // The link is up: what was not sent is, and each frame comes back once.
  EXPECT_TRUE(PollUntil([this] { return kernel_.Complete(kRing), !queue_.Poll(); }));
  ASSERT_EQ(kernel_.sent.size(), 20u);
  for (const xdp_desc& sent : kernel_.sent) EXPECT_EQ(sent.len, 64u);
  EXPECT_EQ(rx_.PrepareToWait(), 3) << "nothing is in the ring";
  EXPECT_EQ(Accounted(), 32u);
  rx_.Close();
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  EXPECT_TRUE(Balance().ok());
}

// The same where a thread was told to stop before it said that it is awake, and the link stays down until the socket is closed.
TEST_P(XskTxWhileAThreadWaits, OfAnOlderKernelWhatWasInTheRingDuringAPollIsHeldUntilTheSocketIsClosed) {
  Open({.flush_us = kMaximumFlushUs, .packets_a_call = 8, .zero_copy = false});
  kernel_.completes_at_once = false;

  ASSERT_EQ(queue_.SendMore(Make(20)), 20u);
  ASSERT_EQ(rx_.PrepareToWait(), 3);
  EXPECT_EQ(Receive(), 0u);
  kernel_.SendUnsaid(12);
  kernel_.errors = {ENETDOWN, ENETDOWN};
  EXPECT_EQ(ring_.Drain(), 20u);
  kernel_.Complete(7);
  EXPECT_EQ(ring_.Drain(), 13u);
  EXPECT_EQ(queue_.counters().completed.sent.value(), 7u);
  EXPECT_EQ(ring_.held().Count(), 13u) << "in no other's hands";
  ring_.Close();
  EXPECT_EQ(queue_.counters().dropped_at_stop.value(), 13u);
  EXPECT_EQ(queue_.counters().pending(), 0u);
  rx_.Close();
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  EXPECT_TRUE(Balance().ok());
}

TEST_P(XskTxErrno, EnxioEndsTheQueue) {
  kernel_.errors = {ENXIO};
  EXPECT_EQ(queue_.Send(Make(8)), 8u);
  EXPECT_TRUE(ring_.device_gone());
  const auto more = Make(8);
  EXPECT_EQ(queue_.Send(more), 0u);
  EXPECT_EQ(queue_.counters().refused_gone.value(), 1u);
  EXPECT_EQ(queue_.counters().ring_full.value(), 0u);
  Pool::Free(more);
  ring_.Close();
  EXPECT_EQ(queue_.counters().dropped_at_stop.value(), 8u);
  EXPECT_EQ(Accounted(), 8u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_P(XskTxErrno, AfterEnxioItIsAskedAgain) {
  kernel_.errors = {ENXIO};
  EXPECT_EQ(queue_.Send(Make(8)), 8u);
  ASSERT_TRUE(ring_.device_gone());
  for (int polls = 0; polls < 100; ++polls) EXPECT_TRUE(queue_.Poll());
  EXPECT_EQ(kernel_.tx_wakeups, 1) << "once a second";
  EXPECT_TRUE(PollUntilNothingIsLeft());
  EXPECT_FALSE(ring_.device_gone());
  EXPECT_EQ(queue_.Send(Make(8)), 8u);
  EXPECT_EQ(kernel_.sent.size(), 16u);
  queue_.Send({});
}

TEST_P(XskTxQueueTest, NoCallWhereTheKernelDoesNotAsk) {
  kernel_.tx.SetNeedsWakeup(false);
  EXPECT_EQ(queue_.Send(Make(8)), 8u);
  EXPECT_EQ(kernel_.tx_wakeups, 0);
}

TEST_P(XskTxQueueTest, NoCallWhileOnlyCompletionsAreAwaited) {
  kernel_.completes_at_once = false;
  EXPECT_EQ(queue_.Send(Make(8)), 8u);
  for (int count = 0; count < 5; ++count) queue_.Send({});
  EXPECT_EQ(kernel_.tx_wakeups, 1);
}

TEST_P(XskTxQueueTest, LengthsThatCannotBeSentAreTakenAndCounted) {
  const auto packets = Make(6);
  packets[0].length = 13;
  packets[1].length = kMaximumLength + 1;
  packets[2].length = kMaximumLength;
  packets[3].length = 14;
  packets[4].data += 1000;  // 792 bytes are left in the frame
  packets[4].length = 793;
  packets[5].length = 0;
  EXPECT_EQ(queue_.Send(packets), 6u);
  EXPECT_EQ(kernel_.sent.size(), 2u);
  queue_.Send({});
  EXPECT_EQ(queue_.counters().dropped_too_short.value(), 2u);
  EXPECT_EQ(queue_.counters().dropped_too_long.value(), 2u);
  EXPECT_EQ(Accounted(), 6u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_P(XskTxQueueTest, PacketsOfAnotherPoolAreCopiedAndCounted) {
  const auto other = support::MakePool({.frame_count = 16, .slab_frames = 4});
  const auto packets = MakeFrom(*other, 3, 100);
  for (std::size_t index = 0; index < 3; ++index) support::WriteContents(packets[index], 100, index);
  EXPECT_EQ(queue_.Send(packets), 3u);
  EXPECT_EQ(queue_.counters().copied.value(), 3u);
  EXPECT_EQ(other->FreeCount(), 16u);
  for (std::size_t index = 0; index < 3; ++index) {
    const Packet copy{.data = pool_->region().base() + kernel_.sent[index].addr, .length = kernel_.sent[index].len, .pool = pool_->id()};
    EXPECT_TRUE(support::HasContents(copy, 100, index));
  }
  queue_.Send({});
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_P(XskTxQueueTest, PacketsOfAnotherPoolAreCopiedARunAtATimeAndInOrder) {
  const auto other = support::MakePool({.frame_count = 128, .slab_frames = 16});
  std::vector<Packet> packets = support::AllocatePackets(*other, 60);
  packets.resize(62);
  ASSERT_EQ(pool_->Allocate(std::span(packets).subspan(60)), 2u);
  std::swap(packets[10], packets[61]);  // one of our own between them
  packets[50].length = 13;              // and one that cannot be sent
  for (std::size_t index = 0; index < packets.size(); ++index) {
    if (index != 50) support::WriteContents(packets[index], 100, index);
  }
  EXPECT_EQ(queue_.Send(packets), 62u);
  ASSERT_EQ(kernel_.sent.size(), 61u);
  for (std::size_t index = 0; index < 61; ++index) {
    const Packet sent{.data = pool_->region().base() + kernel_.sent[index].addr, .length = kernel_.sent[index].len, .pool = pool_->id()};
    EXPECT_TRUE(support::HasContents(sent, 100, index < 50 ? index : index + 1));
  }
  EXPECT_EQ(queue_.counters().copied.value(), 59u);
  EXPECT_EQ(queue_.counters().dropped_too_short.value(), 1u);
  EXPECT_EQ(other->FreeCount(), 128u);
  queue_.Send({});
  EXPECT_TRUE(Balance().ok()) << Balance();
}

TEST_P(XskTxQueueTest, AFullRingCopiesNothing) {
  const auto other = support::MakePool({.frame_count = 128, .slab_frames = 16});
  kernel_.budget = 0;
  ASSERT_EQ(queue_.Send(Make(kRing - 2)), kRing - 2);
  std::vector<Packet> packets = support::AllocatePackets(*other, 10);
  for (Packet& packet : packets) packet.length = 100;
  EXPECT_EQ(queue_.Send(packets), 2u);
  EXPECT_EQ(queue_.Send(std::span(packets).subspan(2)), 0u);
  EXPECT_EQ(queue_.counters().ring_full.value(), 2u);
  EXPECT_EQ(queue_.counters().no_frame.value(), 0u);
  EXPECT_TRUE(Balance().ok()) << "the copies that found no place are free again";
  Pool::Free(std::span(packets).subspan(2));
}

TEST_P(XskTxQueueTest, WhatIsDroppedTakesNoPlaceInTheRing) {
  kernel_.budget = 0;
  ASSERT_EQ(queue_.Send(Make(kRing - 10)), kRing - 10);
  const auto packets = Make(20);
  for (std::size_t index = 0; index < 10; ++index) packets[index].length = 13;
  EXPECT_EQ(queue_.Send(packets), 20u);
  EXPECT_EQ(queue_.counters().dropped_too_short.value(), 10u);
}

TEST_P(XskTxQueueTest, AClosedQueueTakesNothingAndCountsNothing) {
  ring_.Close();
  const auto packets = Make(3);
  packets[0].length = 13;
  EXPECT_EQ(queue_.Send(packets), 0u);
  EXPECT_EQ(queue_.counters().dropped_too_short.value(), 0u);
  EXPECT_EQ(queue_.counters().ring_full.value(), 0u);
  Pool::Free(packets);
}

TEST_P(XskTxQueueTest, OtherFlagsSayNothingAboutTheLength) {
  const auto packets = Make(2);
  packets[0].flags = 2;
  packets[1].flags = 0xFFFE;
  EXPECT_EQ(queue_.Send(packets), 2u);
  EXPECT_EQ(kernel_.sent.size(), 2u);
}

TEST_P(XskTxQueueTest, AnEmptyPoolLeavesForeignPacketsWithTheCaller) {
  const auto other = support::MakePool({.frame_count = 16, .slab_frames = 4});
  std::vector<Packet> hoard(kFrames);
  ASSERT_EQ(pool_->Allocate(hoard), kFrames);
  const auto packets = MakeFrom(*other, 3, 100);
  EXPECT_EQ(queue_.Send(packets), 0u);
  EXPECT_EQ(queue_.counters().no_frame.value(), 1u);
  EXPECT_EQ(queue_.counters().ring_full.value(), 0u) << "the ring is empty";
  Pool::Free(packets);
  Pool::Free(hoard);
}

TEST_P(XskTxQueueTest, CompletionsMayComeInAnyOrderAndInParts) {
  kernel_.completes_at_once = false;
  std::mt19937 random(5);
  std::size_t taken = 0;
  for (int round = 0; round < 500; ++round) {
    const auto packets = Make(random() % 40);
    const std::size_t accepted = queue_.Send(packets);
    taken += accepted;
    Pool::Free(packets.subspan(accepted));
    kernel_.Complete(random() % 30, round % 2 == 0);
    ASSERT_TRUE(Balance().ok()) << Balance();
    ASSERT_EQ(Accounted(), taken);
  }
  kernel_.Complete(1000);
  while (ring_.Drain() > 0) kernel_.Complete(1000);
  EXPECT_EQ(kernel_.sent.size(), taken);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
}

TEST_P(XskTxQueueTest, CloseReturnsWhatTheKernelHeld) {
  kernel_.completes_at_once = false;
  EXPECT_EQ(queue_.Send(Make(20)), 20u);
  EXPECT_EQ(ring_.Drain(), 20u);
  ring_.Close();
  EXPECT_EQ(queue_.counters().dropped_at_stop.value(), 20u);
  EXPECT_EQ(pool_->FreeCount(), kFrames);
  const auto packets = Make(1);
  EXPECT_EQ(queue_.Send(packets), 0u);
  Pool::Free(packets);
}

TEST(XskTxQueueWithALongRing, WhatIsHeldBackGoesWhenItIsEnough) {
  support::FakeKernel kernel(512);
  kernel.budget = 512;
  const auto pool = support::MakePool({.frame_count = 1024, .slab_frames = 16});
  XskTxRing ring(pool, kernel);
  XskTxQueue queue(ring);
  ring.Open(3, kernel.tx.memory(), kernel.completion.memory(), 1518, {.flush_us = kMaximumFlushUs});
  const auto send_more = [&](std::size_t count) {
    std::vector<Packet> packets = support::AllocatePackets(*pool, count);
    for (Packet& packet : packets) packet.length = 64;
    EXPECT_EQ(queue.SendMore(packets), count);
  };
  for (int burst = 0; burst < 3; ++burst) send_more(32);
  send_more(31);
  EXPECT_EQ(kernel.sent.size(), 0u);
  send_more(1);
  EXPECT_EQ(kernel.sent.size(), XskTxRing::kEnough);
  send_more(32);
  EXPECT_EQ(kernel.sent.size(), XskTxRing::kEnough) << "these are counted anew";
  ring.Close();
}

TEST(KeptTimestampsTest, AsManyAsThereIsRoomForTheOldestFirst) {
  KeptTimestamps kept;
  for (uint64_t cookie = 0; cookie < KeptTimestamps::kMost; ++cookie) ASSERT_TRUE(kept.Add({.cookie = cookie}));
  EXPECT_FALSE(kept.Add({.cookie = 7777})) << "which its caller counts";
  std::array<TxTimestamp, 2> stamps;
  ASSERT_EQ(kept.Take(stamps), 2u);
  EXPECT_EQ(stamps[0].cookie, 0u);
  EXPECT_EQ(stamps[1].cookie, 1u);
  EXPECT_TRUE(kept.Add({.cookie = 7778}));
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
