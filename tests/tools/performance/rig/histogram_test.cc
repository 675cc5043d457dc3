// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/histogram.h"

#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

TEST(LatencyBucketTest, EveryValueIsInTheBucketThatEndsNotBelowIt) {
  for (uint64_t value : {0ull, 1ull, 31ull, 32ull, 33ull, 63ull, 64ull, 65ull, 1000ull, 999999ull, 1ull << 40, ~0ull}) {
    const uint32_t bucket = LatencyBucket(value);
    EXPECT_GE(LatencyBucketEnd(bucket), value);
    if (bucket > 0) {
      EXPECT_LT(LatencyBucketEnd(bucket - 1), value);
    }
  }
}

TEST(LatencyBucketTest, ABucketIsNoWiderThanAThirtySecondOfItsValue) {
  for (uint32_t bucket = 64; bucket < LatencyBucket(1ull << 50); ++bucket) {
    const uint64_t first = LatencyBucketEnd(bucket - 1) + 1;
    EXPECT_LE(LatencyBucketEnd(bucket) - first + 1, first / 32);
  }
}

TEST(HistogramTest, PercentilesOfKnownValues) {
  Histogram histogram;
  for (uint32_t value = 0; value < 30; ++value) histogram.Add(LatencyBucket(value), 10);
  EXPECT_EQ(histogram.count(), 300u);
  EXPECT_EQ(histogram.Percentile(0.5), 14u);
  EXPECT_EQ(histogram.Percentile(0.9), 26u);
  EXPECT_EQ(histogram.Maximum(), 29u);
  EXPECT_EQ(histogram.CountAbove(19), 100u);
}

TEST(HistogramTest, AnEmptyOneHasNoPercentile) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Percentile(0.5), 0u);
}

TEST(HistogramTest, TheDifferenceIsWhatHappenedBetween) {
  HistogramCounter counter;
  counter.Add(5);
  const Histogram before = counter.Read();
  counter.Add(7);
  counter.Add(7);
  const Histogram between = counter.Read() - before;
  EXPECT_EQ(between.count(), 2u);
  EXPECT_EQ(between.Percentile(0), 7u);
}

}  // namespace
}  // namespace pollux::performance
