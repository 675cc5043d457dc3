// SPDX-License-Identifier: Apache-2.0
// Packets of several frames in the queues of a socket: what pmd/queue.h says about bursts, and the ledgers.
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <numeric>
#include <utility>
#include <vector>

#include "bpf/uapi.h"
#include "pmd/af_xdp/xsk_rx_queue.h"
#include "pmd/af_xdp/xsk_tx_queue.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::FrameAudit;
using mempool::Pool;

constexpr std::size_t kFrames = 256;
constexpr uint32_t kRing = 64;
constexpr std::size_t kMaximumLength = 9018;

class ScatteredReceiveTest : public testing::TestWithParam<uint32_t> {
 protected:
  ScatteredReceiveTest()
      : kernel_(kRing, GetParam()), pool_(support::MakePool({.frame_count = kFrames, .slab_frames = 16})), queue_(pool_, kernel_) {
    queue_.SetScattered(true);
    EXPECT_EQ(queue_.Open(3, kernel_.fill.memory(), kernel_.rx.memory(), FillLimits::Fixed(kRing)), kRing);
  }
  ~ScatteredReceiveTest() override {
    queue_.Close();
    EXPECT_TRUE(support::FramesAreFree(*pool_));
  }

  // A packet of `frames` frames arrives, each of `length` bytes.
  void Arrive(std::size_t frames, uint32_t length = 100) {
    for (std::size_t index = 0; index < frames; ++index) {
      ASSERT_GT(kernel_.fill.waiting(), 0u);
      const uint32_t options = index + 1 < frames ? bpf::kXdpPacketContinues : 0;
      kernel_.rx.Put({.addr = kernel_.fill.Take() + support::FakeKernel::kHeadroom, .len = length, .options = options});
    }
  }
  // Sizes of the packets that a burst of `room` elements brings, which are freed; 0 at its end would be a packet that was cut.
  std::vector<std::size_t> ReceiveSizes(std::size_t room) {
    const std::span<const Packet> burst(packets_.data(), queue_.Receive({packets_.data(), room}));
    FrameAudit audit(*pool_);
    audit.Add("queue", queue_.held());
    for (const Packet& packet : burst) audit.Add("application", packet);
    EXPECT_TRUE(audit.Balance().ok()) << audit.Balance();
    std::vector<std::size_t> sizes;
    std::size_t frames = 0;
    for (const Packet& packet : burst) {
      ++frames;
      if (!packet.continues()) sizes.push_back(std::exchange(frames, 0));
    }
    if (frames > 0) sizes.push_back(0);
    Pool::Free(burst);
    return sizes;
  }

  support::FakeKernel kernel_;
  std::shared_ptr<Pool> pool_;
  XskRxQueue queue_;
  std::array<Packet, kFrames> packets_;
};
INSTANTIATE_TEST_SUITE_P(RingStarts, ScatteredReceiveTest, testing::Values(0u, 0xFFFFFFE0u));

using Sizes = std::vector<std::size_t>;

TEST_P(ScatteredReceiveTest, ABurstNeverEndsWithinAPacket) {
  Arrive(1);
  Arrive(3);
  Arrive(3);
  Arrive(1);
  EXPECT_EQ(ReceiveSizes(5), (Sizes{1, 3}));
  EXPECT_EQ(ReceiveSizes(3), (Sizes{3}));
  EXPECT_EQ(ReceiveSizes(3), (Sizes{1}));
  EXPECT_EQ(ReceiveSizes(3), Sizes{});
  EXPECT_EQ(queue_.counters().packets.value(), 4u);
  EXPECT_EQ(queue_.counters().scattered.value(), 2u);
  EXPECT_EQ(queue_.counters().bytes.value(), 800u);
  EXPECT_EQ(queue_.counters().dropped_too_many_frames.value(), 0u);
}

TEST_P(ScatteredReceiveTest, WhatNoBurstTakesIsDroppedAndCounted) {
  Arrive(mempool::kMostFramesOfPacket);
  Arrive(mempool::kMostFramesOfPacket + 1);
  Arrive(2);
  EXPECT_EQ(ReceiveSizes(32), (Sizes{mempool::kMostFramesOfPacket}));
  Sizes rest = ReceiveSizes(32);
  if (rest.empty()) rest = ReceiveSizes(32);
  EXPECT_EQ(rest, (Sizes{2}));
  EXPECT_EQ(queue_.counters().packets.value(), 2u);
  EXPECT_EQ(queue_.counters().dropped_too_many_frames.value(), 1u);
}

TEST_P(ScatteredReceiveTest, APacketLargerThanTheBurstIsDroppedAndCounted) {
  Arrive(5);
  Arrive(2);
  Sizes sizes;
  for (int call = 0; call < 5 && sizes.empty(); ++call) sizes = ReceiveSizes(2);
  EXPECT_EQ(sizes, (Sizes{2}));
  EXPECT_EQ(queue_.counters().packets.value(), 1u);
  EXPECT_EQ(queue_.counters().dropped_too_many_frames.value(), 1u);
}

TEST_P(ScatteredReceiveTest, WhatWaitsAtTheEndCountsAsPackets) {
  Arrive(3);
  Arrive(1);
  queue_.Discard();
  EXPECT_EQ(queue_.counters().discarded_at_stop.value(), 2u);
}

TEST_P(ScatteredReceiveTest, FramesAreMadeUpFor) {
  for (int round = 0; round < 100; ++round) {
    Arrive(6, 1500);
    ASSERT_EQ(ReceiveSizes(32), (Sizes{6})) << round;
  }
  EXPECT_EQ(queue_.counters().bytes.value(), 100u * 6 * 1500);
}

class ScatteredSendTest : public testing::TestWithParam<uint32_t> {
 protected:
  ScatteredSendTest()
      : kernel_(kRing, GetParam()),
        pool_(support::MakePool({.frame_count = kFrames, .slab_frames = 16})),
        ring_(pool_, kernel_),
        queue_(ring_) {
    Open(true);
  }
  ~ScatteredSendTest() override {
    ring_.Close();
    EXPECT_TRUE(support::FramesAreFree(*pool_));
  }

  void Open(bool scattered) {
    ring_.SetScattered(scattered);
    ring_.Open(3, kernel_.tx.memory(), kernel_.completion.memory(), kMaximumLength, {.flush_us = 0, .zero_copy = false});
  }
  // A burst of packets with as many frames as `sizes` says, `length` bytes a frame.
  std::vector<Packet> Make(const Sizes& sizes, uint32_t length = 100) { return MakeFrom(*pool_, sizes, length); }
  static std::vector<Packet> MakeFrom(Pool& pool, const Sizes& sizes, uint32_t length) {
    std::vector<Packet> burst = support::AllocatePackets(pool, std::accumulate(sizes.begin(), sizes.end(), std::size_t{0}));
    std::size_t at = 0;
    for (const std::size_t frames : sizes) {
      for (std::size_t index = 0; index < frames; ++index, ++at) {
        support::WriteContents(burst[at], length, at);
        burst[at].flags = index + 1 < frames ? Packet::kContinues : 0;
      }
    }
    return burst;
  }
  // Frames of each packet that the kernel sent.
  Sizes Sent() const {
    Sizes sizes;
    std::size_t frames = 0;
    for (const xdp_desc& descriptor : kernel_.sent) {
      ++frames;
      if ((descriptor.options & bpf::kXdpPacketContinues) == 0) sizes.push_back(std::exchange(frames, 0));
    }
    if (frames > 0) sizes.push_back(0);
    return sizes;
  }
  void ExpectAccount(uint64_t taken, uint64_t sent) {
    queue_.Send({});
    EXPECT_EQ(queue_.counters().taken.value(), taken);
    EXPECT_EQ(queue_.counters().completed.sent.value(), sent);
    EXPECT_EQ(queue_.counters().pending(), taken - sent - queue_.counters().dropped());
  }

  support::FakeKernel kernel_;
  std::shared_ptr<Pool> pool_;
  XskTxRing ring_;
  XskTxQueue queue_;
};
INSTANTIATE_TEST_SUITE_P(RingStarts, ScatteredSendTest, testing::Values(0u, 0xFFFFFFE0u));

TEST_P(ScatteredSendTest, FramesGoInARowAndPacketsAreCounted) {
  const auto burst = Make({1, 3, 2, 1, 1, 18});
  EXPECT_EQ(queue_.Send(burst), burst.size());
  EXPECT_EQ(Sent(), (Sizes{1, 3, 2, 1, 1, 18}));
  for (std::size_t index = 0; index < burst.size(); ++index) EXPECT_EQ(kernel_.sent[index].addr, pool_->Offset(burst[index].data));
  ExpectAccount(6, 6);
  EXPECT_EQ(queue_.counters().scattered.value(), 3u);
  EXPECT_EQ(queue_.counters().bytes.value(), 2600u);
}

TEST_P(ScatteredSendTest, TheFirstKOfAFullRingAreWholePackets) {
  kernel_.errors.assign(4, ENOBUFS);
  const auto burst = Make({15, 15, 15, 15, 3, 1, 1, 1, 1});
  EXPECT_EQ(queue_.Send(burst), 64u) << "60 frames, then 3 that fit, then one";
  const auto rest = std::span(burst).subspan(64);
  EXPECT_EQ(queue_.Send(rest), 0u);
  Pool::Free(rest);
  const auto next = Make({3});
  EXPECT_EQ(queue_.Send(next), 0u);
  Pool::Free(next);
  EXPECT_GT(queue_.counters().ring_full.value(), 0u);
}

TEST_P(ScatteredSendTest, WhatDoesNotFitTheRingIsNotTakenInPart) {
  kernel_.errors.assign(2, ENOBUFS);
  const auto burst = Make({15, 15, 15, 15, 5, 1});
  EXPECT_EQ(queue_.Send(burst), 60u) << "four places are left, and five frames need one more";
  Pool::Free(std::span(burst).subspan(60));
}

TEST_P(ScatteredSendTest, MoreFramesThanThereMayBeGoAsFewerOrAreDropped) {
  const auto burst = Make({19, 1});
  EXPECT_EQ(queue_.Send(burst), burst.size());
  EXPECT_EQ(Sent(), (Sizes{2, 1})) << "1900 bytes need two frames";
  EXPECT_EQ(queue_.counters().copied.value(), 1u);
  ExpectAccount(2, 2);
  const auto too_long = Make({6, 1}, 1700);
  EXPECT_EQ(queue_.Send(too_long), too_long.size());
  EXPECT_EQ(queue_.counters().dropped_too_long.value(), 1u) << "more than the MTU allows";
  ExpectAccount(4, 3);
}

TEST_P(ScatteredSendTest, OneFrameRingsTakeWhatFitsOneFrameAndDropTheRest) {
  ring_.Close();
  Open(false);
  const auto burst = Make({1, 3, 1, 2, 1}, 800);
  EXPECT_EQ(queue_.Send(burst), burst.size());
  EXPECT_EQ(Sent(), (Sizes{1, 1, 1, 1})) << "1600 bytes fit in one frame of 1792, and 2400 do not";
  EXPECT_EQ(queue_.counters().dropped_too_many_frames.value(), 1u);
  EXPECT_EQ(queue_.counters().copied.value(), 1u);
  ExpectAccount(5, 4);
}

TEST_P(ScatteredSendTest, FramesOfOtherPoolsAreCopied) {
  const auto other = support::MakePool({.frame_count = 64, .frame_size = 4096, .slab_frames = 4});
  const auto burst = MakeFrom(*other, {2, 1}, 3000);
  EXPECT_EQ(queue_.Send(std::span(burst).first(2)), 2u);
  ASSERT_EQ(Sent(), (Sizes{4})) << "6000 bytes in frames of 1792";
  std::size_t at = 0;
  for (const xdp_desc& descriptor : kernel_.sent) {
    const std::byte* bytes = pool_->region().base() + descriptor.addr;
    for (uint32_t index = 0; index < descriptor.len; ++index, ++at) {
      ASSERT_EQ(bytes[index], support::ContentByte(at / 3000, at % 3000)) << at;
    }
  }
  EXPECT_EQ(at, 6000u);
  EXPECT_EQ(queue_.counters().copied.value(), 1u);
  ExpectAccount(1, 1);
  Pool::Free(std::span(burst).subspan(2));
  EXPECT_TRUE(support::FramesAreFree(*other));
}

TEST_P(ScatteredSendTest, OneFrameOfAnotherPoolThatIsLongerThanOursIsCopiedOverSeveral) {
  const auto other = support::MakePool({.frame_count = 64, .frame_size = 4096, .slab_frames = 4});
  std::vector<Packet> burst = MakeFrom(*other, {1, 1, 1}, 3000);
  burst[1].length = 100;
  EXPECT_EQ(queue_.Send(burst), 3u);
  ASSERT_EQ(Sent(), (Sizes{2, 1, 2})) << "3000 bytes in frames of 1792";
  std::size_t at = 0;
  for (const xdp_desc& descriptor : std::span(kernel_.sent).first(2)) {
    const std::byte* bytes = pool_->region().base() + descriptor.addr;
    for (uint32_t index = 0; index < descriptor.len; ++index, ++at) ASSERT_EQ(bytes[index], support::ContentByte(0, at)) << at;
  }
  EXPECT_EQ(at, 3000u);
  EXPECT_EQ(queue_.counters().copied.value(), 3u);
  EXPECT_EQ(queue_.counters().scattered.value(), 2u);
  ExpectAccount(3, 3);

  // Beyond the MTU it is dropped, and so it is where packets have one frame.
  const auto longest = support::MakePool({.frame_count = 16, .frame_size = 4096, .slab_frames = 4});
  ring_.SetMaximumLength(2500);
  EXPECT_EQ(queue_.Send(MakeFrom(*longest, {1}, 3000)), 1u);
  ring_.Close();
  Open(false);
  EXPECT_EQ(queue_.Send(MakeFrom(*longest, {1}, 3000)), 1u);
  EXPECT_EQ(queue_.counters().dropped_too_long.value(), 2u);
  ExpectAccount(5, 3);
  for (const auto& pool : {other, longest}) EXPECT_TRUE(support::FramesAreFree(*pool));
}

TEST_P(ScatteredSendTest, WithoutFramesForAllOfACopyThePacketStaysTheCallers) {
  const auto other = support::MakePool({.frame_count = 64, .frame_size = 4096, .slab_frames = 4});
  const std::vector<Packet> all = support::AllocatePackets(*pool_, kFrames - 1);
  const std::vector<Packet> burst = MakeFrom(*other, {1}, 3000);
  EXPECT_EQ(queue_.Send(burst), 0u);
  EXPECT_EQ(queue_.counters().no_frame.value(), 1u);
  Pool::Free(all);
  EXPECT_EQ(queue_.Send(burst), 1u);
  EXPECT_EQ(Sent(), (Sizes{2}));
  ExpectAccount(1, 1);
  EXPECT_TRUE(support::FramesAreFree(*other));
}

// The kernel took two frames of four when its call was over, and then the link goes down: it would take other packets for the rest.
TEST_P(ScatteredSendTest, ThePacketThatTheKernelHasHalfOfStays) {
  XskTxRing::Owner& owner = ring_.AddOwner();
  const auto burst = Make({4, 3, 1});
  kernel_.budget = 2;
  ASSERT_EQ(ring_.Put(std::span(burst).first(4), owner), 4u);
  EXPECT_EQ(kernel_.WakeTx(3), EAGAIN);
  ASSERT_EQ(ring_.Put(std::span(burst).subspan(4), owner), 3u);
  ASSERT_EQ(ring_.Put(std::span(burst).subspan(7), owner), 1u);
  std::array<mempool::FrameNumber, 64> frames;
  const std::size_t count = ring_.TakeBack(frames);
  EXPECT_EQ(count, 4u) << "those of the other packets";
  pool_->Put({frames.data(), count});
  EXPECT_EQ(ring_.TakeBack(frames), 0u);
  EXPECT_EQ(owner.counters.completed.dropped_link_down.value(), 2u);
  kernel_.budget = 32;
  EXPECT_EQ(kernel_.WakeTx(3), 0);
  EXPECT_EQ(Sent(), (Sizes{4}));
  const std::size_t completed = ring_.TakeCompleted(frames);
  EXPECT_EQ(completed, 4u);
  pool_->Put({frames.data(), completed});
  EXPECT_EQ(owner.counters.completed.sent.value(), 1u);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
