// SPDX-License-Identifier: Apache-2.0
#include "lcore/cycle_clock.h"

#include <limits>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

// A machine whose time passes only when somebody looks at it: each reading of either clock takes 100 ns, and the counter runs at 2.5 GHz.
uint64_t fake_now_ns = 0;
uint64_t fake_readings = 0;
uint64_t FakeNanoseconds() {
  return fake_now_ns += 100;
}
uint64_t FakeCycles() {
  return (fake_now_ns += 100) * 5 / 2;
}

// The same, but some readings of the time are followed by 2 ms in which another thread runs.
uint64_t PreemptedNanoseconds() {
  const uint64_t now = FakeNanoseconds();
  if (++fake_readings % 3 == 1) fake_now_ns += 2'000'000;
  return now;
}

TEST(CycleClockTest, MeasuresTheRateOfASource) {
  fake_now_ns = 0;
  EXPECT_EQ(MeasureCyclesPerSecond({&FakeCycles, &FakeNanoseconds}, 10'000), 2'500'000'000u);
  EXPECT_GE(fake_now_ns, 10'000'000u);
}

TEST(CycleClockTest, APreemptionDoesNotSpoilTheMeasurement) {
  fake_now_ns = 0;
  fake_readings = 0;
  EXPECT_EQ(MeasureCyclesPerSecond({&FakeCycles, &PreemptedNanoseconds}, 10'000), 2'500'000'000u);
}

TEST(CycleClockTest, CountsForwards) {
  const uint64_t before = ReadCycles();
  const uint64_t before_ns = MonotonicNanoseconds();
  while (MonotonicNanoseconds() - before_ns < 100'000) CpuRelax();
  EXPECT_GT(ReadCycles(), before);
}

TEST(CycleClockTest, AgreesWithTheMonotonicClock) {
  if (!CyclesAreSteady()) GTEST_SKIP() << "this machine's counter changes its rate";
  const uint64_t rate = CyclesPerSecond();
  EXPECT_EQ(CyclesPerSecond(), rate) << "measured once";
  // A second measurement, twice as long, on a machine that may be busy: one in a thousand.
  const uint64_t again = MeasureCyclesPerSecond({}, 20'000);
  EXPECT_NEAR(static_cast<double>(rate), static_cast<double>(again), static_cast<double>(rate) / 1000);
}

TEST(CycleClockTest, ConvertsWithoutOverflow) {
  EXPECT_EQ(CyclesToNanoseconds(0, 2'500'000'000), 0u);
  EXPECT_EQ(CyclesToNanoseconds(5, 2'500'000'000), 2u);
  EXPECT_EQ(CyclesToNanoseconds(7, 2'000'000'000), 4u) << "3.5 is rounded up";
  EXPECT_EQ(CyclesToNanoseconds(std::numeric_limits<uint64_t>::max(), 1'000'000'000), std::numeric_limits<uint64_t>::max());
  // A year at 4 GHz.
  EXPECT_EQ(CyclesToNanoseconds(126'144'000'000'000'000, 4'000'000'000), 31'536'000'000'000'000u);
}

}  // namespace
}  // namespace pollux::lcore
