// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/stream_totals.h"

#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

TEST(FormatBursts, IsDpdksLine) {
  BurstTotals bursts{};
  EXPECT_EQ(FormatBursts("RX", bursts), "");
  bursts[32] = 484313;
  EXPECT_EQ(FormatBursts("RX", bursts), "  RX-bursts : 484313 [0% of 0 pkts + 100% of 32 pkts]\n");
  bursts = {};
  bursts[0] = 10;
  EXPECT_EQ(FormatBursts("TX", bursts), "  TX-bursts : 10 [100% of 0 pkts]\n");
  bursts[0] = 50;
  bursts[32] = 30;
  bursts[4] = 15;
  bursts[1] = 5;
  EXPECT_EQ(FormatBursts("RX", bursts), "  RX-bursts : 100 [50% of 0 pkts + 30% of 32 pkts + 15% of 4 pkts + 5% of other]\n");
}

TEST(StreamTotals, HeldIsWhatCameInAndDidNotLeave) {
  Stream stream;
  stream.rx_port = 3;
  stream.stats.rx_packets.Add(10);
  stream.stats.generated.Add(5);
  stream.stats.tx_packets.Add(6);
  stream.stats.forward_dropped.Add(2);
  stream.stats.too_short.Add(1);
  stream.stats.consumed.Add(1);
  stream.stats.not_answered.Add(1);
  stream.stats.allocation_failed.Add(100);
  StreamTotals totals = TotalsOf(stream);
  EXPECT_EQ(totals.ends.rx_port, 3u);
  EXPECT_EQ(totals.Held(), 4);
  EXPECT_EQ(totals.Value("forward_dropped"), 2u);
  EXPECT_EQ(totals.Value("nonsense"), 0u);
  stream.stats.tx_packets.Add(5);
  EXPECT_EQ(TotalsOf(stream).Held(), -1);
}

TEST(StreamTotals, SubtractsWhatWasBefore) {
  Stream stream;
  stream.stats.rx_packets.Add(10);
  stream.stats.rx_bursts.bursts[2].Add(5);
  const StreamTotals before = TotalsOf(stream);
  stream.stats.rx_packets.Add(7);
  stream.stats.rx_bursts.bursts[7].Add(1);
  StreamTotals since = TotalsOf(stream);
  since -= before;
  EXPECT_EQ(since.Value("rx_packets"), 7u);
  EXPECT_EQ(since.rx_bursts[2], 0u);
  EXPECT_EQ(since.rx_bursts[7], 1u);
}

}  // namespace
}  // namespace pollux::testpmd
