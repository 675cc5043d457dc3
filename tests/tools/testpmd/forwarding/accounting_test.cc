// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/accounting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

// 100 received on port 0: 90 given to port 1, 7 dropped, 3 flushed before.
StreamTotals OneStream() {
  Stream stream;
  stream.rx_port = 0;
  stream.tx_port = 1;
  stream.stats.rx_packets.Add(97);
  stream.stats.tx_packets.Add(90);
  stream.stats.forward_dropped.Add(7);
  return TotalsOf(stream);
}

std::vector<PortAccount> Accounts(uint64_t received, uint64_t sent, uint64_t dropped) {
  Accounting accounting;
  accounting.Add({OneStream()}, {{0, 3}});
  return {accounting.Close(0, "port 0", {.rx_packets = received}, {}),
          accounting.Close(1, "port 1", {.tx_packets = sent, .tx_dropped = dropped},
                           {{"tx_q0_dropped_too_long", dropped - 1}, {"tx_q1_dropped_too_long", 1}, {"tx_q0_packets", sent}})};
}

TEST(Accounting, BalancesWhenEveryPacketHasACause) {
  EXPECT_TRUE(CheckAccounts(Accounts(100, 86, 4)).ok());
}

TEST(Accounting, NamesThePortAndTheSideThatDoNot) {
  EXPECT_EQ(CheckAccounts(Accounts(101, 86, 4)).message(), "port 0: 1 received packets are unaccounted for");
  EXPECT_EQ(CheckAccounts(Accounts(99, 86, 4)).message(), "port 0: -1 received packets are unaccounted for");
  EXPECT_EQ(CheckAccounts(Accounts(100, 85, 4)).message(), "port 1: 1 packets taken for sending are unaccounted for");
  EXPECT_EQ(CheckAccounts(Accounts(100, 87, 4)).message(), "port 1: -1 packets taken for sending are unaccounted for");
}

TEST(Accounting, AddsUpOverStarts) {
  Accounting accounting;
  accounting.Add({OneStream()}, {{0, 3}});
  accounting.Add({OneStream()}, {});
  EXPECT_EQ(accounting.Close(0, "port 0", {.rx_packets = 197}, {}).RxDifference(), 0);
  EXPECT_EQ(accounting.Close(1, "port 1", {.tx_packets = 180}, {}).TxDifference(), 0);
}

TEST(Accounting, PendingIsNotLost) {
  Accounting accounting;
  accounting.Add({OneStream()}, {});
  EXPECT_EQ(accounting.Close(1, "port 1", {.tx_packets = 80, .tx_pending = 10}, {}).TxDifference(), 0);
}

TEST(CheckAccounts, MoreSentThanTakenIsAFaultToo) {
  Accounting accounting;
  accounting.Add({OneStream()}, {});
  const PortAccount account = accounting.Close(1, "port 1", {.tx_packets = 95}, {});
  EXPECT_EQ(account.TxDifference(), -5);
  EXPECT_EQ(CheckAccounts({account}).message(), "port 1: -5 packets taken for sending are unaccounted for");
}

TEST(TxDropCauses, AddsTheQueuesUp) {
  EXPECT_THAT(
      TxDropCauses({{"tx_q0_dropped_a", 1}, {"tx_q1_dropped_a", 2}, {"tx_q0_dropped_b", 4}, {"rx_q0_dropped_c", 8}, {"tx_q0_bytes", 16}}),
      ElementsAre(Pair("a", 3), Pair("b", 4)));
}

TEST(FormatAccounts, IsATableWithATotal) {
  EXPECT_EQ(FormatAccounts(Accounts(100, 86, 4)),
            "  Accounting                                    port 0          port 1           total\n"
            "  received                                         100               0             100\n"
            "    given to tx: tx_packets                         90               0              90\n"
            "    dropped: forward_dropped                         7               0               7\n"
            "    ended: flushed before start                      3               0               3\n"
            "    unaccounted                                      0               0               0\n"
            "  taken by tx                                        0              90              90\n"
            "    sent                                             0              86              86\n"
            "    dropped: too_long                                0               4               4\n"
            "    unaccounted                                      0               0               0\n");
}

TEST(FormatAccounts, ShowsDropsThatHaveNoName) {
  Accounting accounting;
  EXPECT_THAT(FormatAccounts({accounting.Close(0, "port 0", {.tx_dropped = 5}, {{"tx_q0_dropped_a", 3}})}),
              HasSubstr("dropped: without a named cause                   2"));
  EXPECT_THAT(FormatAccounts(Accounts(100, 86, 4)), Not(HasSubstr("without a named cause")));
}

}  // namespace
}  // namespace pollux::testpmd
