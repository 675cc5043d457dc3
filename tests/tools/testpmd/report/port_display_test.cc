// SPDX-License-Identifier: Apache-2.0
// Golden texts: dpdk-testpmd 22.11's own, where it has the block.
#include "tools/testpmd/report/port_display.h"

#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

TEST(FormatPortStats, IsDpdksBlock) {
  const pmd::QueueStats stats{.rx_packets = 15785760,
                              .rx_bytes = 64,
                              .rx_missed = 3,
                              .rx_errors = 2,
                              .rx_nombuf = 1,
                              .tx_packets = 15498016,
                              .tx_bytes = 128,
                              .tx_dropped = 7};
  EXPECT_EQ(FormatPortStats(0, stats, {.rx_packets = 15635163, .rx_bits = 9, .tx_packets = 15350165, .tx_bits = 8}),
            "\n"
            "  ######################## NIC statistics for port 0  ########################\n"
            "  RX-packets: 15785760   RX-missed: 3          RX-bytes:  64\n"
            "  RX-errors: 2\n"
            "  RX-nombuf:  1         \n"
            "  TX-packets: 15498016   TX-errors: 7          TX-bytes:  128\n"
            "\n"
            "  Throughput (since last show)\n"
            "  Rx-pps:     15635163          Rx-bps:            9\n"
            "  Tx-pps:     15350165          Tx-bps:            8\n"
            "  ############################################################################\n");
}

TEST(FormatPortStats, ShowsChosenCountersAsDpdkDoes) {
  const std::string text = FormatPortStats(12, {}, {}, {{"rx_good_packets", 36595200, 17940526}});
  EXPECT_NE(text.find("\n                               Value            Rate (since last show)\n"
                      "  rx_good_packets              36595200        17940526\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("NIC statistics for port 12 ####"), std::string::npos);
}

TEST(FormatExtendedStats, PutsTheGenericNamesFirst) {
  EXPECT_EQ(FormatExtendedStats(0, AllExtendedStats({.rx_packets = 1, .tx_dropped = 2}, {{"rx_q0_packets", 1}})),
            "###### NIC extended statistics for port 0 \n"
            "rx_good_packets: 1\ntx_good_packets: 0\nrx_good_bytes: 0\ntx_good_bytes: 0\nrx_missed_errors: 0\nrx_errors: 0\ntx_errors: 2\n"
            "rx_mbuf_allocation_errors: 0\nrx_q0_packets: 1\n");
}

TEST(FormatSummary, IsDpdksTable) {
  pmd::DeviceInfo info{.name = "net_null0", .driver = "net_null"};
  info.mac = *pmd::MacAddress::Parse("56:82:7e:e1:5f:10");
  EXPECT_EQ(FormatSummaryHeading(2) + FormatSummaryLine(0, info, pmd::LinkState{.up = true, .speed_mbps = 10000}),
            "Number of available ports: 2\n"
            "Port MAC Address       Name         Driver         Status   Link\n"
            "0    56:82:7E:E1:5F:10 net_null0    net_null       up       10 Gbps\n");
  EXPECT_NE(FormatSummaryLine(0, info, absl::NotFoundError("gone")).find("gone     Unknown"), std::string::npos);
}

TEST(FormatSpeed, InWholeGigabitsIfItCan) {
  EXPECT_EQ(FormatSpeed(25000), "25 Gbps");
  EXPECT_EQ(FormatSpeed(2500), "2500 Mbps");
  EXPECT_EQ(FormatSpeed(0), "Unknown");
}

}  // namespace
}  // namespace pollux::testpmd
