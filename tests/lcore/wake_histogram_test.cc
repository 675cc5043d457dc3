// SPDX-License-Identifier: Apache-2.0
#include "lcore/wake_histogram.h"

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

TEST(WakeHistogramTest, BucketsEndAtPowersOfTwoWhichAreTheirs) {
  EXPECT_EQ(WakeHistogram::BucketOf(0), 0u);
  EXPECT_EQ(WakeHistogram::LongestOf(0), 1024u);
  for (std::size_t bucket = 0; bucket + 1 < WakeHistogram::kBuckets; ++bucket) {
    EXPECT_EQ(WakeHistogram::BucketOf(WakeHistogram::LongestOf(bucket)), bucket);
    EXPECT_EQ(WakeHistogram::BucketOf(WakeHistogram::LongestOf(bucket) + 1), bucket + 1);
  }
  EXPECT_EQ(WakeHistogram::BucketOf(WakeHistogram::kEndless), WakeHistogram::kBuckets - 1);
  EXPECT_EQ(WakeHistogram::LongestOf(WakeHistogram::kBuckets - 1), WakeHistogram::kEndless);
  // A sleep that lasted its time has a bucket that ends.
  EXPECT_LT(WakeHistogram::BucketOf(20'000'000), WakeHistogram::kBuckets - 1);
}

TEST(WakeHistogramTest, CountsAndAddsUp) {
  WakeHistogram wakes;
  wakes.Add(1000);
  wakes.Add(1025);
  wakes.Add(2048);
  wakes.AddUnmeasured();
  EXPECT_EQ(wakes.count(0), 1u);
  EXPECT_EQ(wakes.count(1), 2u);
  EXPECT_EQ(wakes.count(2), 0u);
  EXPECT_EQ(wakes.sum_ns(), 4073u);
  EXPECT_EQ(wakes.unmeasured(), 1u);
}

}  // namespace
}  // namespace pollux::lcore
