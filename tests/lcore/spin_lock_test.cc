// SPDX-License-Identifier: Apache-2.0
#include "lcore/spin_lock.h"

#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

// More threads than cores, so that a holder loses its core now and then.
TEST(SpinLockTest, OneAtATime) {
  constexpr unsigned kThreads = 8;
  constexpr uint64_t kRounds = 20'000;
  SpinLock lock;
  uint64_t count = 0;
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&] {
      for (uint64_t round = 0; round < kRounds; ++round) {
        const std::lock_guard guard(lock);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, kThreads * kRounds);
}

}  // namespace
}  // namespace pollux::lcore
