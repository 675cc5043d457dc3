// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/testpmd_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <absl/strings/str_split.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Words(absl::string_view line) {
  return absl::StrSplit(line, ' ', absl::SkipEmpty());
}

TEST(TestpmdOptions, Defaults) {
  absl::StatusOr<TestpmdOptions> options = ParseTestpmdOptions({});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->forward_mode, "io");
  EXPECT_EQ(options->burst, 32u);
  EXPECT_EQ(options->rx_queues, 1u);
  EXPECT_TRUE(options->flush_rx);
  EXPECT_FALSE(options->frame_count.has_value());
  EXPECT_EQ(options->pages, mempool::PageKind::kAutomatic);
}

TEST(TestpmdOptions, TheCommandLineOfADpdkUser) {
  absl::StatusOr<TestpmdOptions> options =
      ParseTestpmdOptions(Words("--forward-mode=io --auto-start --total-num-mbufs=32768 --nb-cores=1 --stats-period 1"));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->auto_start);
  EXPECT_EQ(options->frame_count, 32768u);
  EXPECT_EQ(options->forward_core_count, 1u);
  EXPECT_EQ(options->stats_period_s, 1u);
}

TEST(TestpmdOptions, EveryOtherOption) {
  absl::StatusOr<TestpmdOptions> options = ParseTestpmdOptions(Words(
      "-i -a --port-topology=chained --rxq=4 --txq=2 --rxd=1024 --txd=512 --burst=64 --mbuf-size=2176 --mbcache=128 "
      "--eth-peer=0,02:00:00:00:00:07 "
      "--txpkts=64,128 --tx-ip=10.0.0.1,10.0.0.2 --tx-udp=7,8 --txonly-multi-flow --tx-first --display-xstats=a,b --portlist=1,0 "
      "--coremask=0x6 "
      "--no-flush-rx --disable-link-check --on-replace=stop --privileges=none --record-core-cycles --record-burst-stats --max-pkt-len=1518 "
      "--noisy-tx-sw-buffer-size=99 --offload=auto "
      "--flowgen-flows=7 --steer=arp --steer=icmp --require=native,numa --json --headroom=512 --pages=2M --seconds=3 --rss-udp "
      "--rxfreet=32 --rx-offloads=0x0"));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->interactive && options->auto_start && options->json);
  EXPECT_EQ(options->topology, PortTopology::kChained);
  EXPECT_EQ(options->rx_queues, 4u);
  EXPECT_EQ(options->tx_queues, 2u);
  EXPECT_EQ(options->rx_ring, 1024u);
  EXPECT_EQ(options->tx_ring, 512u);
  EXPECT_EQ(options->burst, 64u);
  EXPECT_EQ(options->frame_size, 2048u);
  EXPECT_EQ(options->cache_frames, 128u);
  EXPECT_EQ(options->peers.at(0).ToString(), "02:00:00:00:00:07");
  EXPECT_THAT(options->engine.tx_segments, ElementsAre(64, 128));
  EXPECT_EQ(options->engine.tx_ip_source, 0x0A000001u);
  EXPECT_EQ(options->engine.tx_udp_destination, 8);
  EXPECT_TRUE(options->engine.txonly_multi_flow);
  EXPECT_EQ(options->tx_first_bursts, 1u);
  EXPECT_THAT(options->display_xstats, ElementsAre("a", "b"));
  EXPECT_THAT(options->forward_ports, ElementsAre(1, 0));
  EXPECT_THAT(options->forward_cores, ElementsAre(1, 2));
  EXPECT_FALSE(options->flush_rx);
  EXPECT_FALSE(options->link_check);
  EXPECT_TRUE(options->offload);
  EXPECT_FALSE(options->reopen_replaced);
  EXPECT_TRUE(options->record_core_cycles && options->record_burst_stats);
  EXPECT_EQ(options->maximum_packet, 1518u);
  EXPECT_EQ(options->engine.noisy.buffer_packets, 99u);
  EXPECT_EQ(options->engine.flowgen_flows, 7u);
  EXPECT_THAT(options->steer, ElementsAre("arp", "icmp"));
  EXPECT_THAT(options->require, ElementsAre("native", "numa"));
  EXPECT_EQ(options->headroom, 512u);
  EXPECT_EQ(options->pages, mempool::PageKind::kHuge2M);
  EXPECT_EQ(options->run_seconds, 3u);
  EXPECT_THAT(options->without_meaning, ElementsAre("--rss-udp", "--rxfreet=32", "--rx-offloads=0x0"));
}

TEST(TestpmdOptions, RefusesWithAReason) {
  const struct {
    const char* line;
    const char* message;
  } kCases[] = {
      {"--forward-mode=iou", "--forward-mode=iou: 'iou': no such forward mode; there are io,"},
      {"--forwad-mode=io", "--forwad-mode=io: unknown testpmd option; did you mean --forward-mode?"},
      {"--vdev=net_null0", "it belongs before --"},
      {"--burst=513", "--burst=513: '513': a number from 0 to 512 is expected"},
      {"--total-num-mbufs=16777217", "a number from 256 to 16777216 is expected"},
      {"--steer=icmpv7", "steer rule 'icmpv7'"},
      {"--on-replace=wait", "'wait': reopen or stop is expected"},
      {"--offload=on", "'on': auto or off is expected"},
      {"--privileges=some", "'some': none, ports or all is expected"},
      {"--privileges=none --on-replace=reopen", "choose one of them"},
      {"-i --tx-first", "--tx-first cannot be used with -i alone"},
      {"--mbuf-size=2048,9000", "9000 bytes do not fit an AF_XDP frame"},
      {"--rxq=0 --txq=0", "either rx or tx queues should be non zero"},
      {"--eth-peer=0", "a MAC address is expected"},
      {"--port-topology=ring", "paired, chained or loop is expected"},
      {"--mbuf-size=9000", "9000 bytes do not fit an AF_XDP frame"},
      {"--pages=4M", "auto, 2M, 1G or ordinary is expected"},
      {"--coremask=0", "no CPU in the mask; expected at least one bit set"},
      {"--tx-udp=70000", "a number from 0 to 65535"},
      {"--enable-rx-cksum", "AF_XDP delivers no checksum verdict"},
      {"--tx-offloads=0x8000", "AF_XDP has no such offload"},
      {"--rx-offloads=zz", "a hexadecimal mask is expected"},
      {"--hairpinq=1", "hairpin queues need hardware"},
      {"--eth-peers-configfile=/nonexistent", "cannot be read"},
  };
  for (const auto& test_case : kCases) {
    absl::StatusOr<TestpmdOptions> options = ParseTestpmdOptions(Words(test_case.line));
    ASSERT_FALSE(options.ok()) << test_case.line;
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(test_case.message));
  }
}

TEST(TestpmdOptions, ValuesThatDpdkTakes) {
  absl::StatusOr<TestpmdOptions> options =
      ParseTestpmdOptions(Words("--rxq=0 --burst=0 --stats-period=0 --mbuf-size=2048,4096 --forward-mode=txonly --cmdline-file-noecho=f"));
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->rx_queues, 0u);
  EXPECT_EQ(options->burst, 0u);
  EXPECT_EQ(options->stats_period_s, 0u);
  EXPECT_EQ(options->frame_size, 2048u);
  EXPECT_EQ(options->command_file, "f");
  EXPECT_FALSE(options->echo_commands);
  EXPECT_THAT(options->notes, ElementsAre("--mbuf-size: 4096 is not used: a packet is in one frame, of the first size"));
  EXPECT_EQ(ParseTestpmdOptions(Words("--txq=0 --forward-mode=rxonly"))->tx_queues, 0u);
}

TEST(TestpmdOptions, SaysWhatHasNoEffect) {
  const struct {
    const char* line;
    const char* note;
  } kCases[] = {
      {"-i --stats-period 1", "--stats-period: not with -i"},
      {"--mbcache=0", "--mbcache=0: a cache has 32 frames at least"},
      {"--txpkts=64", "--txpkts: mode io does not look at it (txonly, flowgen do)"},
      {"--noisy-lkup-memory=1 --forward-mode=mac", "--noisy-lkup-memory: mode mac does not look at it (noisy does)"},
      {"--eth-peer=0,02:00:00:00:00:01", "--eth-peer: mode io"},
  };
  for (const auto& test_case : kCases) {
    absl::StatusOr<TestpmdOptions> options = ParseTestpmdOptions(Words(test_case.line));
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_THAT(options->notes, ElementsAre(HasSubstr(test_case.note)));
  }
  EXPECT_THAT(ParseTestpmdOptions(Words("-i --txpkts=64"))->notes, ElementsAre()) << "the mode can become another";
  EXPECT_THAT(ParseTestpmdOptions(Words("--txpkts=64 --forward-mode=txonly"))->notes, ElementsAre());
}

TEST(TestpmdOptions, HelpNamesEveryFeatureThatCanBeRequired) {
  for (const char* feature : {"zerocopy", "native", "busy_poll", "need_wakeup", "inject", "hugepages", "numa"}) {
    EXPECT_THAT(TestpmdHelp(), HasSubstr(feature));
  }
}

TEST(FrameSizeFor, RoundsDpdkSizesToFrames) {
  EXPECT_EQ(*FrameSizeFor(2048), 2048u);
  EXPECT_EQ(*FrameSizeFor(2176), 2048u);
  EXPECT_EQ(*FrameSizeFor(2177), 4096u);
  EXPECT_EQ(*FrameSizeFor(4224), 4096u);
  EXPECT_FALSE(FrameSizeFor(4225).ok());
}

}  // namespace
}  // namespace pollux::testpmd
