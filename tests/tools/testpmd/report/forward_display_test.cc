// SPDX-License-Identifier: Apache-2.0
// Golden texts: dpdk-testpmd 22.11's own, where it has the block.
#include "tools/testpmd/report/forward_display.h"

#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

StreamTotals OneStream(StreamEnds ends) {
  StreamTotals totals;
  totals.ends = ends;
  Stream stream;
  stream.stats.rx_packets.Add(32);
  stream.stats.tx_packets.Add(31);
  stream.stats.forward_dropped.Add(1);
  stream.stats.rx_bursts.bursts[32].Add(1);
  stream.stats.tx_bursts.bursts[31].Add(1);
  stream.stats.busy_cycles.Add(6400);
  stream.stats.receive_cycles.Add(640);
  stream.stats.send_cycles.Add(5600);
  totals = TotalsOf(stream);
  totals.ends = ends;
  return totals;
}

TEST(FormatForwardStats, OneStreamAPort) {
  const ForwardReport report{.mode = "io",
                             .ports = {{0, {.rx_packets = 32, .tx_packets = 31}},
                                       {1, {.rx_packets = 32, .rx_missed = 5, .rx_nombuf = 4, .tx_packets = 30, .tx_dropped = 1}}},
                             .streams = {OneStream({0, 0, 1, 0}), OneStream({1, 0, 0, 0})},
                             .record_core_cycles = true,
                             .record_burst_stats = true,
                             .clock_mhz = 2450};
  EXPECT_EQ(FormatForwardStats(report),
            "\n"
            "  ---------------------- Forward statistics for port 0  ----------------------\n"
            "  RX-packets: 32             RX-dropped: 0             RX-total: 32\n"
            "  TX-packets: 31             TX-dropped: 1             TX-total: 32\n"
            "  RX-bursts : 1 [0% of 0 pkts + 100% of 32 pkts]\n"
            "  TX-bursts : 1 [0% of 0 pkts + 100% of 31 pkts]\n"
            "  ----------------------------------------------------------------------------\n"
            "\n"
            "  ---------------------- Forward statistics for port 1  ----------------------\n"
            "  RX-packets: 32             RX-dropped: 5             RX-total: 37\n"
            "  RX-error: 0\n"
            "  RX-nombufs: 4             \n"
            "  TX-packets: 30             TX-dropped: 2             TX-total: 32\n"
            "  RX-bursts : 1 [0% of 0 pkts + 100% of 32 pkts]\n"
            "  TX-bursts : 1 [0% of 0 pkts + 100% of 31 pkts]\n"
            "  ----------------------------------------------------------------------------\n"
            "\n"
            "  +++++++++++++++ Accumulated forward statistics for all ports+++++++++++++++\n"
            "  RX-packets: 64             RX-dropped: 5             RX-total: 69\n"
            "  TX-packets: 61             TX-dropped: 3             TX-total: 64\n"
            "  RX-nombufs: 4             \n"
            "  ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++\n"
            "\n"
            "  CPU cycles/packet=200.00 (total cycles=12800 / total io packets=64) at 2450 MHz Clock\n"
            "    of these: receive=20.00, mode=5.00, send=175.00 (with system calls)\n");
}

TEST(FormatForwardStats, SeveralStreamsAPortHaveLinesOfTheirOwn) {
  const ForwardReport report{
      .mode = "io", .ports = {{0, {}}}, .streams = {OneStream({0, 0, 0, 0}), OneStream({0, 1, 0, 1})}, .record_burst_stats = true};
  const std::string text = FormatForwardStats(report);
  EXPECT_EQ(text.find("\n"
                      "  ------- Forward Stats for RX Port= 0/Queue= 0 -> TX Port= 0/Queue= 0 -------\n"
                      "  RX-packets: 32             TX-packets: 31             TX-dropped: 1             \n"
                      "  RX-bursts : 1 [0% of 0 pkts + 100% of 32 pkts]\n"
                      "  TX-bursts : 1 [0% of 0 pkts + 100% of 31 pkts]\n"
                      "\n"
                      "  ------- Forward Stats for RX Port= 0/Queue= 1 -> TX Port= 0/Queue= 1 -------\n"),
            0u)
      << text;
}

ForwardConfig TwoPorts() {
  ForwardConfig config;
  config.mode = "macswap";
  config.ports = {0, 1};
  config.lcores = {1, 3};
  config.lcore_count = 1;
  config.peers[0] = *pmd::MacAddress::Parse("02:00:00:00:00:99");
  return config;
}

TEST(FormatForwardConfig, IsDpdksMap) {
  ForwardConfig config = TwoPorts();
  config.retry.enabled = true;
  EXPECT_EQ(FormatForwardConfig(
                config, [](std::size_t) { return "0"; }, [](std::size_t) { return "0"; }),
            "macswap packet forwarding with retry - ports=2 - cores=1 - streams=2 - NUMA support enabled, MP allocation mode: native\n"
            "TX retry num: 64, delay between TX retries: 1us\n"
            "Logical Core 1 (socket 0) forwards packets on 2 streams:\n"
            "  RX P=0/Q=0 (socket 0) -> TX P=1/Q=0 (socket 0) peer=02:00:00:00:00:01\n"
            "  RX P=1/Q=0 (socket 0) -> TX P=0/Q=0 (socket 0) peer=02:00:00:00:00:99\n"
            "\n");
}

TEST(FormatCores, ListsAllOfThem) {
  EXPECT_EQ(FormatCores(TwoPorts()), "List of forwarding lcores:  1 3\n");
}

TEST(FormatRxTx, BeginsAsDpdks) {
  EXPECT_EQ(FormatRxTx(TwoPorts(), 1, [](std::size_t port, bool rx) { return rx ? 2048 + port : 512; }),
            "  macswap packet forwarding packets/burst=32\n"
            "  nb forwarding cores=1 - nb forwarding ports=2\n"
            "  port 0: RX queue number: 1 Tx queue number: 1\n"
            "    RX desc=2048 - TX desc=512\n"
            "  port 1: RX queue number: 1 Tx queue number: 1\n"
            "    RX desc=2049 - TX desc=512\n");
}

TEST(FormatWakes, OnlyLengthsThatThereWere) {
  lcore::WakeHistogram wakes;
  wakes.Add(1000);
  wakes.Add(3000);
  wakes.Add(4000);
  wakes.Add(50'000'000);
  EXPECT_EQ(FormatWakes(2, wakes),
            "Lcore 2: 4 wakes by packets, from the arrival of the first until the lcore was awake\n"
            "  up to     1.0 us            1\n"
            "  up to     4.1 us            2\n"
            "  longer                      1\n"
            "  on average            12502.0 us\n");
}

TEST(FormatWakes, WhatIsNotMeasuredIsSaid) {
  lcore::WakeHistogram wakes;
  EXPECT_EQ(FormatWakes(1, wakes), "Lcore 1: 0 wakes by packets, from the arrival of the first until the lcore was awake\n");
  wakes.AddUnmeasured();
  EXPECT_EQ(FormatWakes(1, wakes),
            "Lcore 1: 0 wakes by packets, from the arrival of the first until the lcore was awake\n"
            "  not measured                1 (wake_latency in the report at start says why)\n");
}

}  // namespace
}  // namespace pollux::testpmd
