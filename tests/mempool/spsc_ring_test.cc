// SPDX-License-Identifier: Apache-2.0
#include "mempool/spsc_ring.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace pollux::mempool {
namespace {

std::vector<uint64_t> Numbers(uint64_t first, std::size_t count) {
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

TEST(SpscRing, CapacityIsAPowerOfTwo) {
  EXPECT_EQ(SpscRing<int>(0).capacity(), 1u);
  EXPECT_EQ(SpscRing<int>(1).capacity(), 1u);
  EXPECT_EQ(SpscRing<int>(5).capacity(), 8u);
  EXPECT_EQ(SpscRing<int>(8).capacity(), 8u);
}

TEST(SpscRing, FillsToTheLastSlotAndTakesFewerThen) {
  SpscRing<uint64_t> ring(8);
  EXPECT_EQ(ring.Push(Numbers(0, 6)), 6u);
  EXPECT_EQ(ring.Push(Numbers(6, 6)), 2u);
  EXPECT_EQ(ring.Push(Numbers(8, 1)), 0u);
  EXPECT_EQ(ring.size(), 8u);
  std::vector<uint64_t> out(20);
  EXPECT_EQ(ring.Pop(out), 8u);
  out.resize(8);
  EXPECT_EQ(out, Numbers(0, 8));
  EXPECT_EQ(ring.Pop(out), 0u);
  EXPECT_EQ(ring.Push({}), 0u);
  EXPECT_EQ(ring.size(), 0u);
}

TEST(SpscRing, KeepsOrderOverEveryWrapAround) {
  SpscRing<uint64_t> ring(8);
  uint64_t pushed = 0;
  uint64_t popped = 0;
  for (std::size_t round = 0; round < 1000; ++round) {
    pushed += ring.Push(Numbers(pushed, round % 9));
    ASSERT_EQ(ring.size(), pushed - popped);
    uint64_t waiting = popped;
    ring.ForEach([&](uint64_t value) { EXPECT_EQ(value, waiting++); });
    ASSERT_EQ(waiting, pushed);
    std::vector<uint64_t> out(round % 7);
    out.resize(ring.Pop(out));
    ASSERT_EQ(out, Numbers(popped, out.size()));
    popped += out.size();
  }
}

TEST(SpscRing, TwoThreadsSeeEveryElementOnceInOrder) {
  constexpr uint64_t kCount = 300000;
  SpscRing<uint64_t> ring(64);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);  // a broken ring fails the test, not hangs it
  const auto in_time = [end] { return std::chrono::steady_clock::now() < end; };
  std::thread producer([&] {
    for (uint64_t next = 0; next < kCount && in_time();) {
      const std::size_t pushed = ring.Push(Numbers(next, std::min<uint64_t>(1 + next % 31, kCount - next)));
      next += pushed;
      if (pushed == 0) std::this_thread::yield();
    }
  });
  uint64_t received = 0;
  uint64_t wrong = 0;
  std::array<uint64_t, 32> burst;
  while (received < kCount && in_time()) {
    const std::size_t count = ring.Pop(std::span(burst).first(1 + received % 32));
    for (std::size_t index = 0; index < count; ++index) wrong += burst[index] != received + index;
    received += count;
    if (count == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(received, kCount);
  EXPECT_EQ(ring.size(), 0u);
}

}  // namespace
}  // namespace pollux::mempool
