// SPDX-License-Identifier: Apache-2.0
#include "lcore/counter.h"

#include <thread>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

TEST(CounterTest, AddsUp) {
  Counter counter;
  EXPECT_EQ(counter.value(), 0u);
  counter.Add(2);
  counter.Add(0);
  counter.Add(40);
  EXPECT_EQ(counter.value(), 42u);
}

TEST(CounterTest, AReaderNeverSeesItGoBackOrTear) {
  // Each step changes both halves of the value, so that half a write would show.
  constexpr uint64_t kStep = (uint64_t{1} << 32) + 1;
  constexpr uint64_t kSteps = 100'000;
  Counter counter;
  std::thread writer([&] {
    for (uint64_t i = 0; i < kSteps; ++i) counter.Add(kStep);
  });
  uint64_t before = 0;
  while (before != kSteps * kStep) {
    const uint64_t now = counter.value();
    ASSERT_GE(now, before);
    ASSERT_EQ(now % kStep, 0u);
    before = now;
  }
  writer.join();
}

}  // namespace
}  // namespace pollux::lcore
