// SPDX-License-Identifier: Apache-2.0
#include "tests/support/testpmd_process.h"

#include <gtest/gtest.h>

namespace pollux::support {
namespace {

std::string Closing(int first, int second) {
  return "Telling cores to stop...\n\n"
         "  ---------------------- Forward statistics for port 0  ----------------------\n"
         "  RX-packets: " +
         std::to_string(first) +
         "              RX-dropped: 1             RX-total: 5\n"
         "  TX-packets: 3              TX-dropped: 2             TX-total: 5\n"
         "  ----------------------------------------------------------------------------\n\n"
         "  ---------------------- Forward statistics for port 1  ----------------------\n"
         "  RX-packets: " +
         std::to_string(second) +
         "             RX-dropped: 0             RX-total: 12\n"
         "  TX-packets: 13             TX-dropped: 0             TX-total: 13\n"
         "  ----------------------------------------------------------------------------\n\n"
         "  +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++\n"
         "  RX-packets: 16             RX-dropped: 1             RX-total: 17\n"
         "  TX-packets: 16             TX-dropped: 2             TX-total: 18\n"
         "  ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++\n"
         "Something behind: RX-packets: 99\n";
}

TEST(TestpmdAccountTest, EveryBlockIsRead) {
  const auto account = ParseAccount(Closing(4, 12));
  ASSERT_TRUE(account.ok()) << account.status();
  ASSERT_EQ(account->ports.size(), 2u);
  EXPECT_EQ(account->ports[0].rx_packets, 4u);
  EXPECT_EQ(account->ports[0].rx_dropped, 1u);
  EXPECT_EQ(account->ports[0].tx_packets, 3u);
  EXPECT_EQ(account->ports[0].tx_dropped, 2u);
  EXPECT_EQ(account->ports[1].rx_packets, 12u);
  EXPECT_EQ(account->total.rx_packets, 16u);
  EXPECT_EQ(account->total.tx_dropped, 2u);
}

TEST(TestpmdAccountTest, TheLastStopCounts) {
  const auto account = ParseAccount(Closing(4, 12) + Closing(40, 120));
  ASSERT_TRUE(account.ok()) << account.status();
  ASSERT_EQ(account->ports.size(), 2u);
  EXPECT_EQ(account->ports[0].rx_packets, 40u);
  EXPECT_EQ(account->ports[1].rx_packets, 120u);
}

TEST(TestpmdAccountTest, NoAccountIsAnError) {
  EXPECT_EQ(ParseAccount("Port statistics ====\n  RX-packets: 3\n").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace pollux::support
