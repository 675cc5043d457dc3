// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/machine_pauses.h"

#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

TEST(MachinePausesTest, TheGapsFillTheTime) {
  auto gap_ns = MeasureMachinePauses(0, 0.05);
  ASSERT_TRUE(gap_ns.ok()) << gap_ns.status();
  // Reading the clock takes some 30 ns; a machine that others use leaves less room.
  EXPECT_GT(gap_ns->count(), 1000u);
  EXPECT_LT(gap_ns->Percentile(0.5), 10000u);
}

TEST(MachinePausesTest, ACpuThatIsNotThere) {
  EXPECT_FALSE(MeasureMachinePauses(1023, 0.01).ok());
}

TEST(MachinePausesTest, WhatIsLongIsCounted) {
  Histogram gap_ns;
  gap_ns.Add(LatencyBucket(50), 1000);
  gap_ns.Add(LatencyBucket(431000), 2);
  EXPECT_EQ(DescribePauses(gap_ns, 1.5), "2 over 100 us in 1.5 s, longest 434 us");
}

}  // namespace
}  // namespace pollux::performance
