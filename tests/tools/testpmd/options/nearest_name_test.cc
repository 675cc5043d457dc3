// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/nearest_name.h"

#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

const std::vector<std::string> kNames = {"rxq", "txq", "burst", "stats-period", "forward-mode", "nb-cores"};

TEST(NearestName, FindsWhatIsFewEditsAway) {
  EXPECT_EQ(NearestName("brust", kNames), "burst");
  EXPECT_EQ(NearestName("stat-period", kNames), "stats-period");
  EXPECT_EQ(NearestName("forward_mode", kNames), "forward-mode");
  EXPECT_EQ(NearestName("nbcores", kNames), "nb-cores");
  EXPECT_EQ(NearestName("rxqq", kNames), "rxq");
}

TEST(NearestName, FallsBackToABeginning) {
  EXPECT_EQ(NearestName("forw", kNames), "forward-mode");
}

TEST(NearestName, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(NearestName("hairpin", kNames), "");
  EXPECT_EQ(NearestName("zz", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
}

TEST(DidYouMean, IsAClauseOfASentence) {
  EXPECT_EQ(DidYouMean("brust", kNames, "--"), "; did you mean --burst?");
  EXPECT_EQ(DidYouMean("zz", kNames, "--"), "");
}

}  // namespace
}  // namespace pollux::testpmd
