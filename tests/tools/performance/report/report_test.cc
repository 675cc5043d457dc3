// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/report/report.h"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Measurement Made(double pps, double scale) {
  Measurement measurement;
  measurement.delivered_pps = pps;
  measurement.offered_pps = 4.4e6;
  measurement.loss = 1 - pps / 4.4e6;
  measurement.user_ns_per_packet = 30 * scale;
  measurement.kernel_ns_per_packet = 800 * scale;
  measurement.system_calls_per_packet = 1 / 32.0;
  measurement.cpu = {.user_s = 1, .system_s = 5, .softirq_s = 4};
  for (uint32_t i = 0; i < 1000; ++i) measurement.latency_ns.Add(LatencyBucket(static_cast<uint64_t>(20000 * scale + i * i / 20)), 1);
  return measurement;
}

// Two contenders and one that is missing; three sizes, then latency and cost of the first.
Results MadeResults() {
  Results results;
  results.machine = {{"processor", "<one>"}};
  results.contenders = {{.name = "dpdk", .description = "dpdk-testpmd", .version = "22.11", .missing = ""},
                        {.name = "testpmd", .description = "testpmd", .version = "", .missing = ""},
                        {.name = "ovs-pollux", .description = "ovs", .version = "", .missing = "not built"}};
  const auto add = [&](const Work& work, double pps) {
    Row row{.work = work, .source_alone = std::nullopt, .cells = std::vector<Cell>(3)};
    if (work.offered_pps == 0) row.source_alone = Made(4.4e6, 1);
    row.cells[0].rounds = {Made(pps, 1), Made(pps * 0.9, 1)};
    row.cells[1].rounds = {Made(pps * 4, 0.25), Made(pps * 3.8, 0.25)};
    for (int i : {0, 1}) {
      if (work.cycles) row.cells[i].rounds[0]->busy_cycles_per_packet = 2000 / (1 + 3 * i);
    }
    row.cells[2].not_applicable = true;
    results.rows.push_back(std::move(row));
  };
  for (uint32_t bytes : {64u, 512u, 1500u}) add({.frame_bytes = bytes}, 1e6 - 200 * bytes);
  add({.offered_pps = 1e5, .latency = true}, 1e5);
  add({.offered_pps = 2e6, .cycles = true}, 1e6);
  return results;
}

TEST(ReportTest, TextNamesEveryContenderAndWhatIsMissing) {
  const std::string text = TextReport(MadeResults(), "perf --x");
  EXPECT_THAT(text, HasSubstr("MISSING: not built"));
  EXPECT_THAT(text, HasSubstr("busy cycles a packet, testpmd: 250"));
  EXPECT_THAT(text, HasSubstr("latency one way, dpdk: p50"));
}

TEST(ReportTest, TimeWhileNothingComesHasNoPacketsBesideIt) {
  Results results;
  results.contenders = {{.name = "testpmd", .description = "", .version = "", .missing = ""},
                        {.name = "testpmd-adaptive", .description = "", .version = "", .missing = ""}};
  Row row{.work = {.idle = true}, .source_alone = std::nullopt, .cells = std::vector<Cell>(2)};
  Measurement measurement;
  measurement.idle_cores = 1.0;
  row.cells[0].rounds = {measurement};
  measurement.idle_cores = 0.0042;
  row.cells[1].rounds = {measurement};
  results.rows = {row};
  const std::string text = TextReport(results, "perf");
  EXPECT_THAT(text, HasSubstr("1 flow, 1 queue, receiver xdp, nothing comes\n"));
  EXPECT_THAT(text, HasSubstr("CPU time while nothing comes, testpmd-adaptive: 0.42 % of a CPU (0.42 to 0.42)"));
  EXPECT_THAT(text, Not(HasSubstr("Mpps")));
  EXPECT_THAT(HtmlReport(results, "perf"), HasSubstr("<h2>CPU time while nothing comes</h2>"));
  EXPECT_THAT(JsonReport(results, "perf"), HasSubstr("\"idle_cores\": 0.0042"));
}

TEST(ReportTest, TcpIsInBitsAndSaysWhatPodsNeed) {
  Results results;
  results.contenders = {{.name = "bridge", .description = "", .version = "", .missing = ""},
                        {.name = "ovs-afxdp", .description = "", .version = "", .missing = ""}};
  Row row{.work = {.kind = WorkKind::kTcp}, .source_alone = std::nullopt, .cells = std::vector<Cell>(2)};
  Measurement measurement;
  measurement.bits_per_second = 16e9;
  row.cells[0].rounds = {measurement};
  measurement.bits_per_second = 4e9;
  measurement.pod_settings = "tx off";
  row.cells[1].rounds = {measurement};
  results.rows = {row};
  const std::string text = TextReport(results, "perf");
  EXPECT_THAT(text, HasSubstr("Gbit/s"));
  EXPECT_THAT(text, HasSubstr("   4.00    4.00    4.00   0.25  0.25  0.25"));
  EXPECT_THAT(text, HasSubstr("pods: ethtool -K tx off"));
  EXPECT_THAT(text, Not(HasSubstr("Mpps")));
  EXPECT_THAT(HtmlReport(results, "perf"), HasSubstr("4.00, 0.25 times"));
  EXPECT_THAT(JsonReport(results, "perf"), HasSubstr("\"pod_settings\": \"tx off\""));
}

TEST(ReportTest, JsonHasCostAndLatency) {
  const std::string json = JsonReport(MadeResults(), "perf --x");
  EXPECT_THAT(json, HasSubstr("\"busy_cycles_per_packet\": 2000.0"));
  EXPECT_THAT(json, HasSubstr("\"p99_9_ns\""));
}

TEST(ReportTest, HtmlHasAPlotForEachQuestion) {
  const std::string html = HtmlReport(MadeResults(), "perf --x");
  for (const char* title : {"Packets a second by size", "Busy cycles a packet", "CPU time a packet", "Latency", "Figures", "Machine"}) {
    EXPECT_THAT(html, HasSubstr(title));
  }
  EXPECT_THAT(html, HasSubstr("missing: not built"));
  EXPECT_THAT(html, HasSubstr("&lt;one&gt;"));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  // To be looked at.
  if (const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR")) std::ofstream(std::string(folder) + "/report.html") << html;
}

TEST(ReportTest, QueuesAreNamedAndCounted) {
  Results results = MadeResults();
  Row& row = results.rows.front();
  row.work.queue_count = 2;
  row.cells[0].not_applicable = true;
  row.cells[0].rounds.clear();
  for (auto& round : row.cells[1].rounds) round->queue_packets = {1001, 1000};
  const std::string text = TextReport(results, ""), html = HtmlReport(results, ""), json = JsonReport(results, "");
  EXPECT_THAT(text, HasSubstr("64 bytes, io, 1 flow, 2 queues, receiver xdp"));
  EXPECT_THAT(text, HasSubstr("packets by queue, testpmd: 2002 2000"));
  EXPECT_THAT(text, HasSubstr("dpdk               does not do this work"));
  EXPECT_THAT(html, HasSubstr("64 bytes, io, 1 flow, 2 queues, receiver xdp"));
  EXPECT_THAT(html, HasSubstr(">2002 2000<"));
  EXPECT_THAT(html, HasSubstr("does not do this work"));
  EXPECT_THAT(json, HasSubstr("\"queues\": 2"));
  EXPECT_THAT(json, HasSubstr("\"queue_packets\": [\n"));
}

TEST(ReportTest, AnEmptyRunHasAReport) {
  EXPECT_THAT(HtmlReport({}, "perf"), HasSubstr("</html>"));
}

TEST(ReportTest, WhatWasLeftOutIsCounted) {
  Results results = MadeResults();
  results.left_out = 7;
  EXPECT_THAT(TextReport(results, ""), HasSubstr("7 measurements were left out"));
  EXPECT_THAT(HtmlReport(results, ""), HasSubstr("7 measurements were left out"));
}

}  // namespace
}  // namespace pollux::performance
