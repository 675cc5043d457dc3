// SPDX-License-Identifier: Apache-2.0
#include "pmd/queue_counters.h"

#include <gtest/gtest.h>

namespace pollux::pmd {
namespace {

constexpr CounterRow kRows[] = {{"packets", &QueueStats::tx_packets},
                                {"dropped_a", &QueueStats::tx_dropped},
                                {"dropped_b", &QueueStats::tx_dropped},
                                {"pending", &QueueStats::tx_pending},
                                {"kicks"}};

TEST(QueueCounters, RowsOfOneTotalAddUp) {
  QueueCounters counters(kRows);
  counters.Add(0, 10);
  counters.Add(1, 2);
  counters.Add(2, 3);
  counters.Add(4, 9);
  QueueStats stats;
  stats.tx_packets = 100;
  counters.AddTo(stats);
  EXPECT_EQ(stats.tx_packets, 110u);
  EXPECT_EQ(stats.tx_dropped, 5u);
  EXPECT_EQ(stats.rx_packets, 0u);
}

TEST(QueueCounters, ShowsEveryRowByName) {
  QueueCounters counters(kRows);
  counters.Add(4, 9);
  std::vector<NamedCounter> list;
  counters.AppendTo("tx_q3_", list);
  ASSERT_EQ(list.size(), 5u);
  EXPECT_EQ(list[0].name, "tx_q3_packets");
  EXPECT_EQ(list[4].name, "tx_q3_kicks");
  EXPECT_EQ(list[4].value, 9u);
}

TEST(QueueCounters, ResetForgetsCountsAndKeepsLevels) {
  QueueCounters counters(kRows);
  counters.Add(0, 10);
  counters.Add(3, 4);
  counters.Reset();
  counters.Add(0, 1);
  counters.Add(3, -3);
  QueueStats stats;
  counters.AddTo(stats);
  EXPECT_EQ(stats.tx_packets, 1u);
  EXPECT_EQ(stats.tx_pending, 1u);
}

}  // namespace
}  // namespace pollux::pmd
