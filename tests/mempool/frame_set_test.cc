// SPDX-License-Identifier: Apache-2.0
#include "mempool/frame_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::mempool {
namespace {

TEST(FrameSet, HoldsWhatWasInserted) {
  FrameSet set(130);
  for (const FrameNumber frame : {0u, 63u, 64u, 129u}) set.Insert(frame);
  EXPECT_EQ(set.Count(), 4u);
  EXPECT_TRUE(set.Contains(63));
  EXPECT_FALSE(set.Contains(62));
  set.Erase(63);
  EXPECT_FALSE(set.Contains(63));
  EXPECT_TRUE(set.Contains(64));
}

TEST(FrameSet, VisitsAscending) {
  FrameSet set(200);
  for (const FrameNumber frame : {150u, 3u, 64u}) set.Insert(frame);
  std::vector<FrameNumber> seen;
  set.ForEach([&](FrameNumber frame) { seen.push_back(frame); });
  EXPECT_THAT(seen, testing::ElementsAre(3, 64, 150));
}

TEST(FrameSet, ContainsNothingBeyondItsEnd) {
  EXPECT_FALSE(FrameSet(64).Contains(1000));
}

}  // namespace
}  // namespace pollux::mempool
