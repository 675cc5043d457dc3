// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/statistics.h"

#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

TEST(SpreadTest, OddAndEvenCounts) {
  const Spread odd = SpreadOf({3, 1, 2});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.minimum, 1);
  EXPECT_EQ(odd.maximum, 3);
  EXPECT_EQ(SpreadOf({4, 1, 2, 3}).median, 2.5);
  EXPECT_EQ(SpreadOf({}).count, 0u);
}

TEST(RatioTest, IsTakenRoundByRound) {
  // Round 2 was slow for both: the ratio does not see it.
  const Spread ratio = RatioOf({4, 2, 4}, {2, 1, 2});
  EXPECT_EQ(ratio.minimum, 2);
  EXPECT_EQ(ratio.maximum, 2);
}

TEST(RatioTest, ARoundWithoutBaseIsLeftOut) {
  EXPECT_EQ(RatioOf({4, 4}, {0, 2}).count, 1u);
}

}  // namespace
}  // namespace pollux::performance
