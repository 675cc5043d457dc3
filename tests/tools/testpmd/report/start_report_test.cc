// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/report/start_report.h"

#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

TEST(FormatFeatures, ColumnsAlign) {
  const std::vector<pmd::FeatureState> states = {{"native", -1, "auto", "native", true, ""},
                                                 {"zerocopy", 10, "required", "copy", false, "veth has none"}};
  EXPECT_EQ(FormatFeatures("Port 0 (p0)", states, false),
            "Port 0 (p0): what was asked, and what was got\n"
            "  queue  feature   asked     got     remark\n"
            "  all    native    auto      native\n"
            "  10     zerocopy  required  copy    veth has none\n");
  EXPECT_NE(FormatFeatures("", states, true).find("\033[33m  10     zerocopy  required  copy    veth has none\033[0m\n"),
            std::string::npos);
}

TEST(NumaState, IsPresentUnlessTwoKnownNodesDiffer) {
  EXPECT_TRUE(NumaState({.port = std::nullopt, .memory = 0, .lcores = {0, std::nullopt}}).present);
  EXPECT_TRUE(NumaState({.port = 1, .memory = 1, .lcores = {1}}).present);
  EXPECT_FALSE(NumaState({.port = 1, .memory = 0, .lcores = {}}).present);
  EXPECT_FALSE(NumaState({.port = std::nullopt, .memory = 0, .lcores = {0, 1}}).present);
}

TEST(HugepageState, IsWhatTheRegionGot) {
  EXPECT_TRUE(HugepageState({.pages = mempool::PageKind::kHuge2M}).present);
  const pmd::FeatureState state = HugepageState({.pages = mempool::PageKind::kOrdinary, .fallback = "none free"});
  EXPECT_FALSE(state.present);
  EXPECT_EQ(state.reason, "none free");
}

TEST(MergeFeatures, TheDeviceKnowsBetter) {
  const auto merged = MergeFeatures({{"numa", -1, "any", "node 1", false, ""}},
                                    {{"numa", -1, "one", "node 0", true, ""}, {"hugepages", -1, "", "2M", true, ""}});
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].got, "node 1");
  EXPECT_EQ(merged[1].feature, "hugepages");
}

}  // namespace
}  // namespace pollux::testpmd
