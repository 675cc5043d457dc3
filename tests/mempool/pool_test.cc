// SPDX-License-Identifier: Apache-2.0
#include "mempool/pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
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

TEST(Pool, AThreadsExitReturnsItsFramesToEveryPool) {
  const auto first = SmallPool(), second = SmallPool();
  std::thread([&] {
    for (const auto& pool : {first, second}) {
      std::array<FrameNumber, 3> frames;
      ASSERT_EQ(pool->Get(frames), 3u);
      pool->Put(frames);
    }
  }).join();
  std::array<FrameNumber, 100> frames;
  for (const auto& pool : {first, second}) {
    EXPECT_EQ(pool->DepotCount(), 100u);
    EXPECT_EQ(pool->Get(frames), 100u);
    pool->Put(frames);
  }
}

// Each leaves a slab with three frames: those are to be had when the full ones are gone.
TEST(Pool, FramesOfPartialSlabsAreEverybodys) {
  const auto pool = SmallPool();
  std::vector<std::thread> threads;
  std::atomic<int> ready{0};
  for (int thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&] {
      std::array<FrameNumber, 3> frames;
      ASSERT_EQ(pool->Get(frames), 3u);
      ++ready;
      while (ready.load() < 6) std::this_thread::yield();
      pool->FlushThisThread();
      pool->Put(frames);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::array<FrameNumber, 100> frames;
  EXPECT_EQ(pool->Get(frames), 100u);
  pool->Put(frames);
}

// A thread that has nothing to do gives back what it caches when another found nothing, and keeps it as long as nobody did.
TEST(Pool, IdleThreadsGiveBackWhatAnotherLacks) {
  const auto pool = SmallPool();
  std::array<FrameNumber, 100> frames;
  ASSERT_EQ(pool->Get({frames.data(), 10}), 10u);
  pool->Put({frames.data(), 10});
  pool->GiveBack();
  const std::size_t cached = 100 - pool->DepotCount();
  EXPECT_GE(cached, 8u) << "nobody lacks frames: the cache stays";
  std::thread([&] { EXPECT_EQ(pool->Get(frames), 100 - cached); }).join();  // and its cache is flushed: it holds the frames
  pool->GiveBack();
  EXPECT_EQ(pool->DepotCount(), cached);
  std::thread([&] {
    EXPECT_EQ(pool->Get({frames.data() + 100 - cached, cached}), cached);
    pool->Put(frames);
  }).join();
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
}

// Every time a thread returns a frame and gives its cache back, a slab with few frames goes to the depot. They must not use up the slabs.
TEST(Pool, CachesThatComeAndGoLeaveEmptySlabs) {
  const auto pool = MakePool({.frame_count = 8192, .slab_frames = 8});
  std::vector<FrameNumber> frames(8192);
  ASSERT_EQ(pool->Get(frames), 8192u);
  for (const FrameNumber& frame : frames) {
    pool->Put({&frame, 1});
    pool->FlushThisThread();
  }
  EXPECT_EQ(pool->DepotCount(), 8192u);
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
  EXPECT_EQ(pool->Get(frames), 8192u);
  pool->Put(frames);
}

TEST(Pool, MoreThreadsThanSlotsStillWork) {
  const auto pool = MakePool({.frame_count = 16384, .slab_frames = 4});
  constexpr int kThreads = ThreadSlot::kMaximum + 8;
  std::vector<std::thread> threads;
  std::atomic<int> ready{0};
  for (int index = 0; index < kThreads; ++index) {
    threads.emplace_back([&] {
      std::array<FrameNumber, 4> frames;
      const std::size_t got = pool->Get(frames);
      ++ready;
      while (ready.load() < kThreads) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // all hold their slot at once
      pool->Put({frames.data(), got});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok()) << FrameAudit(*pool).Balance();
}

TEST(Pool, AThreadWithoutASlotGetsTheNextThatIsFree) {
  const auto pool = SmallPool();
  (void)ThreadSlot::Current();  // this thread has one
  std::atomic<int> ready{0};
  std::atomic<bool> go{false}, late_is_there{false}, others_are_gone{false};
  std::vector<std::thread> threads;
  for (int index = 1; index < ThreadSlot::kMaximum; ++index) {
    threads.emplace_back([&] {
      (void)ThreadSlot::Current();
      ++ready;
      while (!go.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
  }
  while (ready.load() < ThreadSlot::kMaximum - 1) std::this_thread::yield();
  std::thread late([&] {
    FrameNumber frame;
    EXPECT_EQ(pool->Get({&frame, 1}), 1u);
    EXPECT_EQ(ThreadSlot::Current(), ThreadSlot::kShared);
    late_is_there = true;
    while (!others_are_gone.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    pool->Put({&frame, 1});
    EXPECT_GE(ThreadSlot::Current(), 0);
  });
  while (!late_is_there.load()) std::this_thread::yield();
  go = true;
  for (std::thread& thread : threads) thread.join();
  others_are_gone = true;
  late.join();
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
}

TEST(PoolDeathTest, AFrameThatIsFreedTwiceIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto pool = MakePool({.frame_count = 100, .slab_frames = 8, .checks_frees = true});
  std::array<FrameNumber, 5> frames;
  ASSERT_EQ(pool->Get(frames), 5u);
  pool->Put({frames.data(), 4});
  EXPECT_DEATH(pool->Put({frames.data() + 3, 1}), "of 100 frames: frame [0-9]+ was freed while it was free");
  const FrameNumber foreign = 100;
  EXPECT_DEATH(pool->Put({&foreign, 1}), "frame 100 is not one of its frames");
  pool->Put({frames.data() + 4, 1});
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok());
}

// Without the check it is no silent damage either.
TEST(PoolDeathTest, MoreFramesBackThanThereAreEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto pool = MakePool({.frame_count = 4, .slab_frames = 1, .checks_frees = false});
  const FrameNumber frame = 0;
  EXPECT_DEATH(for (int count = 0; count < 100000; ++count) pool->Put({&frame, 1}), "got more frames back than it has");
}

// Threads get, pass on, return, flush, exit and come again, and all at once; then every frame is in one place.
TEST(Pool, ManyThreadsKeepTheBooks) {
  constexpr int kThreads = 8;
  constexpr int kLives = 6;
  constexpr int kSteps = 500;
  const auto pool = MakePool({.frame_count = 701, .slab_frames = 16});
  std::array<std::atomic<uint32_t>, 256> table{};  // frame + 1, or 0: frames change threads here
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int life = 0; life < kLives; ++life) {
        std::thread([&] {
          std::mt19937 random(static_cast<unsigned>(thread * kLives + life));
          std::vector<FrameNumber> held;
          for (int step = 0; step < kSteps; ++step) {
            std::array<FrameNumber, 40> frames;
            const std::size_t got = pool->Get({frames.data(), random() % 40});
            for (std::size_t index = 0; index < got; ++index) *pool->FrameStart(frames[index]) = static_cast<std::byte>(thread);
            held.insert(held.end(), frames.begin(), frames.begin() + got);
            for (int swaps = 0; swaps < 8 && !held.empty(); ++swaps) {
              const uint32_t other = table[random() % table.size()].exchange(held.back() + 1, std::memory_order_acq_rel);
              held.pop_back();
              if (other != 0) held.push_back(other - 1);
            }
            const std::size_t put = std::min<std::size_t>(held.size(), random() % 60);
            pool->Put({held.data() + held.size() - put, put});
            held.resize(held.size() - put);
            if (step % 64 == 0) pool->FlushThisThread();
            pool->GiveBack();
          }
          pool->Put(held);
        }).join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (auto& entry : table) {
    if (const uint32_t value = entry.load()) {
      const FrameNumber frame = value - 1;
      pool->Put({&frame, 1});
    }
  }
  EXPECT_EQ(pool->FreeCount(), 701u);
  EXPECT_TRUE(FrameAudit(*pool).Balance().ok()) << FrameAudit(*pool).Balance();
  pool->FlushThisThread();
  EXPECT_EQ(pool->DepotCount(), 701u);
}

// The stack alone, where a slab comes back while another thread still looks at it: whoever takes one is its only holder.
TEST(SlabStack, EverySlabHasOneHolder) {
  constexpr std::size_t kSlabs = 4;
  constexpr int kRounds = 200000;
  alignas(lcore::kCacheLinePairBytes) std::byte memory[kSlabs * Slab::Bytes(1)];
  const SlabArray slabs{memory, Slab::Bytes(1)};
  SlabStack stack;
  for (uint32_t index = 0; index < kSlabs; ++index) stack.Push(Slab::Make(memory + index * slabs.stride, index, 1));
  std::array<std::atomic<int>, kSlabs> holders{};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      const auto hold = [&](Slab* slab) {
        wrong += slab != nullptr && holders[slab->index()].fetch_add(1, std::memory_order_relaxed) != 0;
      };
      const auto give = [&](Slab* slab) {
        if (slab == nullptr) return;
        holders[slab->index()].fetch_sub(1, std::memory_order_relaxed);
        stack.Push(slab);
      };
      for (int round = 0; round < kRounds; ++round) {
        Slab* const upper = stack.Pop(slabs);
        hold(upper);
        Slab* const lower = stack.Pop(slabs);
        hold(lower);
        give(upper);  // back in the other order
        give(lower);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  std::size_t left = 0;
  while (stack.Pop(slabs) != nullptr) ++left;
  EXPECT_EQ(left, kSlabs);
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
