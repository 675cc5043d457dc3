// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/report/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

Measurement At(double pps, double user_ns) {
  Measurement measurement;
  measurement.delivered_pps = pps;
  measurement.user_ns_per_packet = user_ns;
  measurement.loss = 0.5;
  measurement.cpu = {.user_s = 1, .system_s = 1, .softirq_s = 2};
  return measurement;
}

TEST(SummaryTest, RatiosAreToTheFirstThatTookPart) {
  Row row{.work = {}, .source_alone = std::nullopt, .cells = std::vector<Cell>(3)};
  row.cells[0].not_applicable = true;
  row.cells[1].rounds = {At(1e6, 100), At(2e6, 100), At(1e6, 100)};
  row.cells[2].rounds = {At(2e6, 50), At(4e6, 50), At(3e6, 40)};
  const auto summaries = Summarize(row);
  EXPECT_FALSE(summaries[0]);
  EXPECT_EQ(summaries[1]->ratio.median, 1);
  EXPECT_EQ(summaries[2]->pps.median, 3e6);
  EXPECT_EQ(summaries[2]->ratio.median, 2);
  EXPECT_EQ(summaries[2]->ratio.maximum, 3);
  EXPECT_DOUBLE_EQ(summaries[2]->user_ratio.minimum, 0.4);
  EXPECT_EQ(summaries[2]->softirq_share, 0.5);
}

TEST(SummaryTest, TimeWhileNothingComesIsTheMedianOfWhatWasMeasured) {
  Row row{.work = {.idle = true}, .source_alone = std::nullopt, .cells = std::vector<Cell>(2)};
  for (double cores : {0.004, 0.9, 0.002}) {
    Measurement measurement;
    measurement.idle_cores = cores;
    row.cells[0].rounds.emplace_back(measurement);
  }
  row.cells[1].rounds = {Measurement{}};  // the kernel itself
  const auto summaries = Summarize(row);
  ASSERT_TRUE(summaries[0]->idle_cores);
  EXPECT_EQ(summaries[0]->idle_cores->median, 0.004);
  EXPECT_EQ(summaries[0]->idle_cores->maximum, 0.9);
  EXPECT_FALSE(summaries[1]->idle_cores);
}

TEST(SummaryTest, AFailedRoundIsLeftOutOfBothAndNoted) {
  Row row{.work = {}, .source_alone = std::nullopt, .cells = std::vector<Cell>(2)};
  row.cells[0].rounds = {std::nullopt, At(1e6, 0)};
  row.cells[0].errors = {"why"};
  row.cells[1].rounds = {At(7e6, 0), At(2e6, 0)};
  const auto summaries = Summarize(row);
  EXPECT_EQ(summaries[0]->pps.count, 1u);
  EXPECT_EQ(summaries[1]->ratio.count, 1u);
  EXPECT_EQ(summaries[1]->ratio.median, 2);
  EXPECT_THAT(summaries[0]->notes, Contains(HasSubstr("failed 1 times")));
}

TEST(SummaryTest, ABottleneckAndADisturbanceAreNoted) {
  Row row{.work = {}, .source_alone = std::nullopt, .cells = std::vector<Cell>(1)};
  Measurement measurement = At(1e6, 0);
  measurement.source_limited = true;
  measurement.foreign_share = 0.1;
  measurement.source_pauses = 2;
  measurement.source_batches = 1000;
  measurement.cpu.steal_s = 1;
  row.cells[0].rounds = {measurement};
  const auto notes = Summarize(row)[0]->notes;
  EXPECT_THAT(notes, Contains("source was the bottleneck in 1 of 1"));
  EXPECT_THAT(notes, Contains("disturbed by other processes in 1 of 1"));
  EXPECT_THAT(notes, Contains(HasSubstr("source unsteady in 1 of 1")));
  EXPECT_THAT(notes, Contains("20 % stolen by the hypervisor"));
}

TEST(SummaryTest, AQuietRunHasNoNotes) {
  Row row{.work = {}, .source_alone = std::nullopt, .cells = std::vector<Cell>(1)};
  row.cells[0].rounds = {At(1e6, 0)};
  EXPECT_TRUE(Summarize(row)[0]->notes.empty());
}

}  // namespace
}  // namespace pollux::performance
