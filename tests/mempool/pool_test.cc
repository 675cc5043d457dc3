// SPDX-License-Identifier: Apache-2.0
#include "mempool/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "mempool/frame_audit.h"
#include "mempool/thread_slot.h"

namespace pollux::mempool {
namespace {

using testing::HasSubstr;

std::shared_ptr<Pool> MakePool(PoolOptions options) {
  const auto bytes = RegionBytes(options);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  auto region = Region::Create({.bytes = *bytes, .pages = PageKind::kOrdinary});
  EXPECT_TRUE(region.ok()) << region.status();
  auto pool = Pool::Create(std::move(*region), options);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return *pool;
}

std::shared_ptr<Pool> SmallPool() {
  return MakePool({.frame_count = 100, .slab_frames = 8});
}

TEST(Pool, EveryFrameIsTakenOnce) {
  const auto pool = SmallPool();
  std::array<FrameNumber, 128> frames;
  ASSERT_EQ(pool->Get(frames), 100u);
  EXPECT_EQ(std::set<FrameNumber>(frames.begin(), frames.begin() + 100).size(), 100u);
  EXPECT_LT(*std::max_element(frames.begin(), frames.begin() + 100), 100u);
  EXPECT_EQ(pool->Get({frames.data() + 100, 1}), 0u);
  EXPECT_EQ(pool->FreeCount(), 0u);
  pool->Put({frames.data(), 100});
  EXPECT_EQ(pool->FreeCount(), 100u);
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
}

TEST(Pool, PacketsStartBehindTheHeadroom) {
  const auto pool = MakePool({.frame_count = 4, .frame_size = 4096, .headroom = 512, .slab_frames = 4});
  std::array<Packet, 4> packets;
  ASSERT_EQ(pool->Allocate(packets), 4u);
  EXPECT_EQ(pool->maximum_length(), 3584u);
  for (Packet& packet : packets) {
    EXPECT_EQ(pool->Headroom(packet), 512u);
    EXPECT_EQ(pool->Tailroom(packet), 3584u);
    EXPECT_TRUE(pool->Owns(packet));
    EXPECT_EQ(&Pool::FromId(packet.pool), pool.get());
    // Pushed to the frame's first byte and pulled to its last, it is still the same frame.
    const FrameNumber frame = pool->FrameOf(packet);
    packet.data -= 512;
    EXPECT_EQ(pool->FrameOf(packet), frame);
    packet.data += 4095;
    EXPECT_EQ(pool->FrameOf(packet), frame);
  }
  Pool::Free(packets);
  EXPECT_EQ(pool->FreeCount(), 4u);
}

TEST(Pool, FreesPacketsOfSeveralPools) {
  const auto first = SmallPool(), second = SmallPool();
  std::array<Packet, 6> packets;
  for (std::size_t index = 0; index < packets.size(); ++index) {
    ASSERT_EQ((index % 2 ? first : second)->Allocate({&packets[index], 1}), 1u);
  }
  Pool::Free(packets);
  EXPECT_TRUE(FrameAudit(*first).Balance().ok());
  EXPECT_TRUE(FrameAudit(*second).Balance().ok());
}

TEST(Pool, OptionsOutsideTheirLimitsAreNamed) {
  const struct {
    PoolOptions options;
    const char* message;
  } cases[] = {
      {{.frame_size = 3000}, "frame_size=3000"}, {{.frame_size = 8192}, "frame_size=8192"},
      {{.frame_count = 0}, "frame_count=0"},     {{.headroom = 255}, "headroom=255 is outside 256..1792"},
      {{.headroom = 2047}, "headroom=2047"},     {{.slab_frames = 0}, "slab_frames=0"},
  };
  for (const auto& [options, message] : cases) EXPECT_THAT(std::string(RegionBytes(options).status().message()), HasSubstr(message));
}

TEST(Pool, RegionTooSmallIsRefused) {
  auto region = Region::Create({.bytes = 4096, .pages = PageKind::kOrdinary});
  ASSERT_TRUE(region.ok());
  const auto pool = Pool::Create(std::move(*region), {.frame_count = 100});
  EXPECT_THAT(std::string(pool.status().message()), HasSubstr("204800"));
}

TEST(Pool, TooManyPoolsAreRefusedAndIdsComeBack) {
  std::vector<std::shared_ptr<Pool>> pools;
  for (std::size_t count = 0; count < kMaximumPools; ++count) pools.push_back(SmallPool());
  auto region = Region::Create({.bytes = 4096, .pages = PageKind::kOrdinary});
  ASSERT_TRUE(region.ok());
  const std::shared_ptr<Region> shared = std::move(*region);
  EXPECT_EQ(Pool::Create(shared, {.frame_count = 1}).status().code(), absl::StatusCode::kResourceExhausted);
  const uint16_t id = pools[5]->id();
  pools[5].reset();
  const auto again = Pool::Create(shared, {.frame_count = 1});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->id(), id);
}

TEST(Pool, AThreadsExitReturnsItsFrames) {
  const auto pool = SmallPool();
  std::thread([&] {
    std::array<FrameNumber, 3> frames;
    ASSERT_EQ(pool->Get(frames), 3u);
    pool->Put(frames);
  }).join();
  std::array<FrameNumber, 100> frames;
  EXPECT_EQ(pool->Get(frames), 100u);  // none is left in the cache of the thread that is gone
  pool->Put(frames);
}

TEST(Pool, FlushedFramesAreEverybodys) {
  const auto pool = SmallPool();
  std::array<FrameNumber, 100> frames;
  ASSERT_EQ(pool->Get({frames.data(), 1}), 1u);
  pool->Put({frames.data(), 1});
  pool->FlushThisThread();
  std::thread([&] {
    EXPECT_EQ(pool->Get(frames), 100u);
    pool->Put(frames);
  }).join();
}

TEST(Pool, MoreThreadsThanSlotsStillWork) {
  const auto pool = MakePool({.frame_count = 4096, .slab_frames = 4});
  std::vector<std::thread> threads;
  std::atomic<int> ready{0};
  for (int index = 0; index < ThreadSlot::kMaximum + 8; ++index) {
    threads.emplace_back([&] {
      std::array<FrameNumber, 4> frames;
      const std::size_t got = pool->Get(frames);
      ++ready;
      while (ready.load() < ThreadSlot::kMaximum + 8) std::this_thread::yield();  // all hold their slot at once
      pool->Put({frames.data(), got});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok()) << FrameAudit(*pool).Balance();
}

// One core gets, another puts: frames circulate by slabs through the depot, and none is lost. (Under TSan this is also the proof
// that the hand-over through the depot orders the frames' contents.)
// Caches of waiting threads hold empty slabs while one thread returns all frames: there must be slabs enough for both.
TEST(Pool, OneThreadReturnsAllFramesWhileOthersKeepEmptySlabs) {
  const auto pool = SmallPool();
  std::array<FrameNumber, 100> frames;
  std::vector<std::thread> threads;
  std::atomic<int> have_caches{0};
  std::atomic<bool> done{false};
  std::size_t count = pool->Get(frames);  // the slabs in the depot are empty when the next caches are made
  ASSERT_EQ(count, 100u);
  for (int thread = 0; thread < 5; ++thread) {
    threads.emplace_back([&] {
      FrameNumber frame;
      EXPECT_EQ(pool->Get({&frame, 1}), 0u);
      have_caches.fetch_add(1);
      while (!done.load()) std::this_thread::yield();
    });
  }
  while (have_caches.load() < 5) std::this_thread::yield();
  pool->Put(frames);
  EXPECT_EQ(pool->FreeCount(), 100u);
  done.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
}

TEST(Pool, FramesCrossThreads) {
  const auto pool = MakePool({.frame_count = 512, .slab_frames = 16});
  constexpr std::size_t kRounds = 20000;
  constexpr std::size_t kBurst = 8;
  std::array<std::atomic<uint32_t>, 64> mailbox{};  // frame + 1, or 0
  std::thread consumer([&] {
    std::array<FrameNumber, kBurst> frames;
    for (std::size_t next = 0; next < kRounds;) {
      std::size_t count = 0;
      while (count < kBurst && next < kRounds) {
        const uint32_t value = mailbox[next % 64].exchange(0, std::memory_order_acquire);
        if (value == 0) break;
        frames[count++] = value - 1;
        ++next;
      }
      pool->Put({frames.data(), count});
      if (count == 0) std::this_thread::yield();
    }
  });
  for (std::size_t next = 0; next < kRounds; ++next) {
    FrameNumber frame;
    while (pool->Get({&frame, 1}) == 0) std::this_thread::yield();
    *pool->FrameStart(frame) = std::byte{1};
    while (mailbox[next % 64].load(std::memory_order_relaxed) != 0) std::this_thread::yield();
    mailbox[next % 64].store(frame + 1, std::memory_order_release);
  }
  consumer.join();
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
}

// Random gets and puts of random sizes against a set that knows the truth; slab size and frame count do not divide.
TEST(Pool, RandomProgramsKeepTheBooks) {
  std::mt19937 random(7);
  for (const std::size_t slab_frames : {1u, 3u, 8u, 64u}) {
    const auto pool = MakePool({.frame_count = 101, .slab_frames = slab_frames});
    std::vector<FrameNumber> held;
    for (int step = 0; step < 2000; ++step) {
      std::array<FrameNumber, 40> frames;
      const std::size_t count = random() % 40;
      if (random() % 2 == 0) {
        const std::size_t got = pool->Get({frames.data(), count});
        held.insert(held.end(), frames.begin(), frames.begin() + got);
        ASSERT_EQ(std::set<FrameNumber>(held.begin(), held.end()).size(), held.size());
      } else {
        const std::size_t put = std::min(count, held.size());
        std::shuffle(held.begin(), held.end(), random);
        pool->Put({held.data() + held.size() - put, put});
        held.resize(held.size() - put);
      }
      if (step % 50 == 0) pool->FlushThisThread();
      ASSERT_EQ(pool->FreeCount(), 101 - held.size());
    }
    pool->Put(held);
    EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
  }
}

}  // namespace
}  // namespace pollux::mempool
