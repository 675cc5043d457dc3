// SPDX-License-Identifier: Apache-2.0
#include "lcore/poll_loop.h"

#include <cstddef>
#include <thread>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

uint64_t fake_cycles = 0;
uint64_t fake_readings = 0;
uint64_t ReadFakeCycles() {
  ++fake_readings;
  return fake_cycles;
}

TEST(PollLoopTest, ChargesEachIterationToBusyOrIdle) {
  fake_cycles = 1000;
  fake_readings = 0;
  std::atomic<bool> stop{false};
  PollLoopStats stats;
  struct Step {
    uint64_t cycles;
    uint64_t packet_count;
  };
  const Step steps[] = {{100, 32}, {7, 0}, {40, 1}, {5, 0}, {6, 0}};
  std::size_t next = 0;
  RunPollLoop<&ReadFakeCycles>(stop, stats, [&] {
    const Step& step = steps[next++];
    fake_cycles += step.cycles;
    if (next == std::size(steps)) stop = true;
    return step.packet_count;
  });
  EXPECT_EQ(stats.iterations.value(), 5u);
  EXPECT_EQ(stats.busy_iterations.value(), 2u);
  EXPECT_EQ(stats.packets.value(), 33u);
  EXPECT_EQ(stats.busy_cycles.value(), 140u);
  EXPECT_EQ(stats.idle_cycles.value(), 18u);
  EXPECT_EQ(fake_readings, 6u) << "one reading an iteration, and one before the first";
}

TEST(PollLoopTest, TimeBetweenCallbacksIsNotLost) {
  fake_cycles = 0;
  std::atomic<bool> stop{false};
  PollLoopStats stats;
  for (int round = 0; round < 3; ++round) {
    stop = false;
    RunPollLoop<&ReadFakeCycles>(stop, stats, [&] {
      fake_cycles += 10;
      stop = fake_cycles % 40 == 0;
      return fake_cycles % 20 == 0;  // a bool: had work
    });
  }
  EXPECT_EQ(stats.busy_cycles.value() + stats.idle_cycles.value(), fake_cycles);
  EXPECT_EQ(stats.busy_iterations.value(), 6u);
  EXPECT_EQ(stats.packets.value(), 6u);
}

TEST(PollLoopTest, PollsOnceWhenItWasStoppedBefore) {
  const std::atomic<bool> stop{true};
  PollLoopStats stats;
  int calls = 0;
  RunPollLoop(stop, stats, [&] { return ++calls; });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(stats.iterations.value(), 1u);
}

TEST(PollLoopTest, AnotherThreadReadsAndStops) {
  std::atomic<bool> stop{false};
  PollLoopStats stats;
  std::thread lcore([&] { RunPollLoop(stop, stats, [] { return 2u; }); });
  while (stats.iterations.value() < 1000) std::this_thread::yield();
  stop = true;
  lcore.join();
  EXPECT_EQ(stats.packets.value(), 2 * stats.iterations.value());
  EXPECT_EQ(stats.idle_cycles.value(), 0u);
  EXPECT_GT(stats.busy_cycles.value(), 0u);
}

TEST(PollLoopTest, StatsOfNeighboursShareNoCacheLine) {
  PollLoopStats stats[2];
  EXPECT_EQ(reinterpret_cast<uintptr_t>(&stats[0]) % kCacheLineBytes, 0u);
  EXPECT_EQ(reinterpret_cast<std::byte*>(&stats[1]) - reinterpret_cast<std::byte*>(&stats[0]), kCacheLineBytes);
}

}  // namespace
}  // namespace pollux::lcore
