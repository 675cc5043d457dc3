// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/instructions.h"

#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

TEST(CallgrindTotalTest, TheSummaryOfADump) {
  auto total = CallgrindTotal("version: 1\npid: 1\nevents: Ir\nsummary: 606314555\n\nfn=(0)\n0 1\ntotals: 606314555\n");
  ASSERT_TRUE(total.ok()) << total.status();
  EXPECT_EQ(*total, 606314555u);
}

TEST(CallgrindTotalTest, TheTotalsWhereThereIsNoSummary) {
  EXPECT_EQ(*CallgrindTotal("fn=(0)\ntotals: 12\n"), 12u);
}

TEST(CallgrindTotalTest, AFileWithoutEither) {
  EXPECT_TRUE(absl::IsNotFound(CallgrindTotal("events: Ir\n").status()));
}

}  // namespace
}  // namespace pollux::performance
