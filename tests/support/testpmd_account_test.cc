// SPDX-License-Identifier: Apache-2.0
#include "tests/support/testpmd_account.h"

#include <string>

#include <gtest/gtest.h>

namespace pollux::support {
namespace {

constexpr char kTable[] =
    "Done.\n\n"
    "  Accounting                               port 0 (p0)     port 1 (p1)           total\n"
    "  lost before: rx_missed                             1               6               7\n"
    "  lost before: rx_errors                             0               2               2\n"
    "  received                                         210              33             243\n"
    "  generated                                          9               0               9\n"
    "    given to tx: tx_packets                         35              33              68\n"
    "    dropped: forward_dropped                       170               0             170\n"
    "    dropped: too_short                               5               0               5\n"
    "    ended: flushed before start                      9               0               9\n"
    "    unaccounted                                      0               0               0\n"
    "  taken by tx                                       33              35              68\n"
    "    sent                                            32              30              62\n"
    "    dropped: at_stop                                 0               2               2\n"
    "    dropped: no_receiver                             0               3               3\n"
    "    pending                                          1               0               1\n"
    "    unaccounted                                      0               0               0\n"
    "  Frames of <mb_pool_0>: 32768 = free 32768, balanced\n"
    "  Frames of <mb_pool_1>: 32768 = free 32767\ntestpmd: one is missing\n\n"
    "Shutting down port 0...                       4 5 6\n";

TEST(TestpmdAccountTest, EveryRowOfTheTableIsRead) {
  const auto account = ParseAccount(kTable);
  ASSERT_TRUE(account.ok()) << account.status();
  ASSERT_EQ(account->ports.size(), 2u);
  EXPECT_EQ(account->ports[0].lost_before, 1u);
  EXPECT_EQ(account->ports[1].lost_before, 8u);
  EXPECT_EQ(account->ports[0].received, 210u);
  EXPECT_EQ(account->ports[0].generated, 9u);
  EXPECT_EQ(account->ports[0].forwarded, 35u);
  EXPECT_EQ(account->ports[0].dropped, 175u);
  EXPECT_EQ(account->ports[0].ended, 9u);
  EXPECT_EQ(account->ports[1].taken, 35u);
  EXPECT_EQ(account->ports[1].sent, 30u);
  EXPECT_EQ(account->ports[1].tx_dropped, 5u);
  EXPECT_EQ(account->ports[0].pending, 1u);
  EXPECT_EQ(account->total.received, 243u);
  EXPECT_EQ(account->total.sent, 62u);
  EXPECT_EQ(account->balanced_pools, 1u);
  EXPECT_EQ(account->unbalanced_pools, 1u);
}

TEST(TestpmdAccountTest, TheLastTableCounts) {
  const std::string last =
      "  Accounting                               port 0 (p0)           total\n"
      "  received                                           7               7\n";
  const auto account = ParseAccount(kTable + last);
  ASSERT_TRUE(account.ok()) << account.status();
  ASSERT_EQ(account->ports.size(), 1u);
  EXPECT_EQ(account->ports[0].received, 7u);
  EXPECT_EQ(account->ports[0].sent, 0u);
}

TEST(TestpmdAccountTest, NoTableIsAnError) {
  EXPECT_EQ(ParseAccount("Port statistics ====\n  RX-packets: 3\n").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace pollux::support
