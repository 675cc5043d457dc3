// SPDX-License-Identifier: Apache-2.0
#include "tools/plot/run_series.h"

#include <cmath>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/plot/run_page.h"

namespace pollux::plot {
namespace {

using testing::HasSubstr;

constexpr char kFirst[] = R"({"record":"pollux","version":1,"cycles_per_second":1000000000.0})"
                          "\n";

std::string Sample(const std::string& seconds, uint64_t rx_packets, const std::string& drops = "{}") {
  return R"({"seconds":)" + seconds + R"(,"ports":[{"port":0,"name":"p0","rx_packets":)" + std::to_string(rx_packets) + R"(,"rx_bytes":)" +
         std::to_string(rx_packets * 100) + R"(,"tx_packets":0,"tx_bytes":0,"rx_nombuf":0,"drops":)" + drops +
         R"(}],"drops":{},"pools":[{"pool":0,"frames":200,"free":50}],"lcores":[{"lcore":1,"packets":0,"busy_rounds":)" +
         std::to_string(rx_packets) + R"(,"busy_cycles":)" + std::to_string(rx_packets * 2000) + R"(,"idle_cycles":)" +
         std::to_string(rx_packets * 6000) + R"(,"sleep_cycles":0}]})" + "\n";
}

absl::StatusOr<RunSeries> Read(const std::string& text) {
  std::istringstream input(text);
  return ReadRunSeries(input);
}

std::string ErrorOf(const std::string& text) {
  return std::string(Read(text).status().message());
}

TEST(RunSeriesTest, CountersBecomeRates) {
  const auto series =
      Read(kFirst + Sample("1", 100) + Sample("3", 500, R"({"rx_ring_full":8})") + Sample("4", 500, R"({"rx_ring_full":9})"));
  ASSERT_TRUE(series.ok()) << series.status();
  EXPECT_EQ(series->samples, 3u);
  EXPECT_EQ(series->values.at({RunValue::kRxPackets, "p0"}), (RunSeries::Points{{3, 200}, {4, 0}}));
  EXPECT_EQ(series->values.at({RunValue::kRxBits, "p0"}), (RunSeries::Points{{3, 160000}, {4, 0}}));
  EXPECT_EQ(series->values.at({RunValue::kDrops, "p0 rx_ring_full"}), (RunSeries::Points{{3, 4}, {4, 1}}));
  EXPECT_EQ(series->values.at({RunValue::kFreeFrames, "pool 0"}).front(), std::pair(1.0, 25.0));
  EXPECT_EQ(series->values.at({RunValue::kBusy, "lcore 1"}), (RunSeries::Points{{3, 25}}));
  EXPECT_EQ(series->values.at({RunValue::kRound, "lcore 1"}), (RunSeries::Points{{3, 2}}));
  EXPECT_EQ(series->totals.at("p0 rx_ring_full"), 9u);
}

TEST(RunSeriesTest, WhereACounterBeginsAnewThereIsAGap) {
  const auto series = Read(kFirst + Sample("1", 100, R"({"rx_ring_full":8})") + Sample("2", 10) + Sample("3", 30));
  ASSERT_TRUE(series.ok()) << series.status();
  const auto& points = series->values.at({RunValue::kRxPackets, "p0"});
  ASSERT_EQ(points.size(), 2u);
  EXPECT_TRUE(std::isnan(points[0].second));
  EXPECT_EQ(points[1].second, 20);
  EXPECT_EQ(series->values.count({RunValue::kDrops, "p0 rx_ring_full"}), 0u);
}

TEST(RunSeriesTest, ALineThatWasCutOffIsLeftOut) {
  const std::string whole = kFirst + Sample("1", 100) + Sample("2", 200);
  const std::string third = Sample("3", 300);
  for (std::size_t length = 1; length < third.size() - 1; length += 7) {
    const auto series = Read(whole + third.substr(0, length));
    ASSERT_TRUE(series.ok()) << series.status();
    EXPECT_EQ(series->samples, 2u);
    EXPECT_THAT(series->cut, HasSubstr("line 4"));
  }
}

TEST(RunSeriesTest, WhatIsNoRecordIsSaid) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("no record"));
  EXPECT_THAT(ErrorOf("hello\n"), HasSubstr("no record"));
  EXPECT_THAT(ErrorOf("[1]\n"), HasSubstr("no record"));
  EXPECT_THAT(ErrorOf("{\"record\":7}\n"), HasSubstr("no record"));
  EXPECT_THAT(ErrorOf("{\"record\":\"pollux\",\"version\":2}\n"), HasSubstr("version 2"));
  EXPECT_THAT(ErrorOf("{\"record\":\"pollux\",\"version\":1,\"cycles_per_second\":\"x\"}\n"), HasSubstr("cycles_per_second"));
  EXPECT_THAT(ErrorOf(kFirst), HasSubstr("0 sample"));
  EXPECT_THAT(ErrorOf(kFirst + Sample("1", 1)), HasSubstr("1 sample"));
  EXPECT_THAT(ErrorOf(kFirst + Sample("1", 1) + "damage\n" + Sample("2", 2)), HasSubstr("line 3"));
  EXPECT_THAT(ErrorOf(kFirst + Sample("1", 1) + "{}\n" + Sample("2", 2)), HasSubstr("line 3"));
  EXPECT_THAT(ErrorOf(kFirst + Sample("2", 1) + Sample("1", 2)), HasSubstr("line 3"));
  EXPECT_THAT(ErrorOf(kFirst + std::string(5 << 20, '1')), HasSubstr("line 2"));
}

TEST(RunPageTest, RunsAreOverEachOtherAndNamesAreEscaped) {
  const auto series = Read(kFirst + Sample("1", 100) + Sample("2", 200));
  ASSERT_TRUE(series.ok());
  const std::string alone = RunPage({{"", *series}}), both = RunPage({{"<a>", *series}, {"b", *series}});
  EXPECT_THAT(alone, HasSubstr("</i>p0</span>"));
  EXPECT_THAT(both, HasSubstr("</i>&lt;a&gt;: p0</span>"));
  EXPECT_THAT(both, HasSubstr("</i>b: p0</span>"));
  EXPECT_EQ(both.find("<a>"), std::string::npos);
}

}  // namespace
}  // namespace pollux::plot
