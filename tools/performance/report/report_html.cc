// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "tools/performance/report/report.h"
#include "tools/performance/report/summary.h"
#include "tools/plot/page.h"
#include "tools/plot/plot.h"

namespace pollux::performance {
namespace {

using plot::BarGroup;
using plot::BarPlot;
using plot::Curve;
using plot::EscapeHtml;
using plot::HtmlTable;
using plot::kNeutralSeries;
using plot::kNotes;
using plot::LinePlot;
using plot::PercentilePlot;

using RowSummaries = std::vector<std::vector<std::optional<Summary>>>;

std::string Contenders(const Results& results) {
  std::string html = "<h2>Contenders</h2><dl>";
  for (const auto& contender : results.contenders) {
    absl::StrAppend(&html, "<dt>", EscapeHtml(contender.name), "</dt><dd>",
                    contender.missing.empty()
                        ? absl::StrCat("<code>", EscapeHtml(contender.description), "</code> ", EscapeHtml(contender.version))
                        : absl::StrCat("missing: ", EscapeHtml(contender.missing)),
                    "</dd>");
  }
  return html + "</dl>";
}

std::string Machine(const Results& results) {
  std::string html = "<h2>Machine</h2><dl>";
  for (const auto& [name, value] : results.machine)
    absl::StrAppend(&html, "<dt>", EscapeHtml(name), "</dt><dd>", EscapeHtml(value), "</dd>");
  return html + "</dl>";
}

bool IsFullRate(const Work& work) {
  return work.offered_pps == 0 && work.kind != WorkKind::kTcp && !work.idle;
}

// By size, where there are three sizes or more: one plot for each work that differs in nothing else.
std::string ThroughputBySize(const Results& results, const RowSummaries& summaries) {
  std::string html;
  std::vector<bool> shown(results.rows.size());
  for (size_t first = 0; first < results.rows.size(); ++first) {
    if (shown[first] || !IsFullRate(results.rows[first].work)) continue;
    std::vector<Curve> curves;
    for (size_t i = 0; i < results.contenders.size(); ++i) curves.push_back({.series = i, .name = results.contenders[i].name});
    curves.push_back({.series = kNeutralSeries, .name = "source alone", .dashed = true});
    size_t sizes = 0;
    for (size_t row = first; row < results.rows.size(); ++row) {
      Work same = results.rows[row].work;
      const auto bytes = static_cast<double>(std::exchange(same.frame_bytes, results.rows[first].work.frame_bytes));
      if (!(same == results.rows[first].work)) continue;
      shown[row] = true;
      ++sizes;
      for (size_t i = 0; i < summaries[row].size(); ++i) {
        if (summaries[row][i]) curves[i].points.emplace_back(bytes, summaries[row][i]->pps.median / 1e6);
      }
      if (const auto& alone = results.rows[row].source_alone) curves.back().points.emplace_back(bytes, alone->delivered_pps / 1e6);
    }
    std::erase_if(curves, [](const Curve& curve) { return curve.points.empty(); });
    if (sizes < 3 || curves.empty()) continue;
    absl::StrAppend(&html, "<h3>", EscapeHtml(WorkNameWithoutSize(results.rows[first].work)), "</h3>", LinePlot(curves, "bytes", "Mpps"));
  }
  return html.empty() ? "" : absl::StrCat("<h2>Packets a second by size</h2><p>Medians. Higher is better.</p>", html);
}

std::string Throughput(const Results& results, const RowSummaries& summaries) {
  std::vector<BarGroup> groups;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (!IsFullRate(results.rows[row].work)) continue;
    BarGroup group{.title = WorkName(results.rows[row].work)};
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      if (!summaries[row][i]) continue;
      const Summary& summary = *summaries[row][i];
      group.bars.push_back({.series = i,
                            .name = results.contenders[i].name,
                            .parts = {summary.pps.median / 1e6},
                            .minimum = summary.pps.minimum / 1e6,
                            .maximum = summary.pps.maximum / 1e6,
                            .label = absl::StrFormat("%.3f, %.2f times", summary.pps.median / 1e6, summary.ratio.median)});
    }
    if (const auto& alone = results.rows[row].source_alone) {
      group.bars.push_back({.series = kNeutralSeries,
                            .name = "source alone",
                            .parts = {alone->delivered_pps / 1e6},
                            .label = absl::StrFormat("%.3f, the limit", alone->delivered_pps / 1e6)});
    }
    if (!group.bars.empty()) groups.push_back(std::move(group));
  }
  if (groups.empty()) return "";
  return absl::StrCat(
      "<h2>Packets a second</h2><p>Medians, and how many times the first contender's, round by round; whiskers from the "
      "slowest to the fastest round. Longer is better.</p>",
      BarPlot(groups, "million packets/s"));
}

std::string Tcp(const Results& results, const RowSummaries& summaries) {
  std::vector<BarGroup> groups;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (results.rows[row].work.kind != WorkKind::kTcp) continue;
    BarGroup group{.title = WorkName(results.rows[row].work)};
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      if (!summaries[row][i]) continue;
      const Summary& summary = *summaries[row][i];
      const double median = summary.bits_per_second.median / 1e9;
      group.bars.push_back({.series = i,
                            .name = results.contenders[i].name,
                            .parts = {median},
                            .minimum = summary.bits_per_second.minimum / 1e9,
                            .maximum = summary.bits_per_second.maximum / 1e9,
                            .label = absl::StrFormat("%.2f, %.2f times", median, summary.ratio.median)});
    }
    if (!group.bars.empty()) groups.push_back(std::move(group));
  }
  if (groups.empty()) return "";
  return absl::StrCat(
      "<h2>TCP between two pods</h2><p>Medians of what iperf3 received, and how many times the first contender's, round by round. Longer "
      "is better.</p>",
      BarPlot(groups, "Gbit/s"));
}

// Where forwarders counted their own cycles: the same load for all, and polls of nothing left out.
std::string BusyCycles(const Results& results, const RowSummaries& summaries) {
  std::vector<BarGroup> groups;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (!results.rows[row].work.cycles) continue;
    BarGroup group{.title = WorkName(results.rows[row].work)};
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      if (!summaries[row][i] || !summaries[row][i]->busy_cycles_per_packet) continue;
      const double cycles = *summaries[row][i]->busy_cycles_per_packet;
      group.bars.push_back({.series = i,
                            .name = results.contenders[i].name,
                            .parts = {cycles},
                            .label = absl::StrFormat("%.0f; %.2f %% lost", cycles, summaries[row][i]->loss * 100)});
    }
    if (!group.bars.empty()) groups.push_back(std::move(group));
  }
  if (groups.empty()) return "";
  return absl::StrCat(
      "<h2>Busy cycles a packet</h2><p>At half of what the source can: by the forwarders' own count of rounds that had "
      "packets, system calls included. Shorter is better.</p>",
      BarPlot(groups, "cycles/packet"));
}

std::string Idle(const Results& results, const RowSummaries& summaries) {
  std::vector<BarGroup> groups;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (!results.rows[row].work.idle) continue;
    BarGroup group{.title = WorkName(results.rows[row].work)};
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      if (!summaries[row][i] || !summaries[row][i]->idle_cores) continue;
      const Spread& cores = *summaries[row][i]->idle_cores;
      group.bars.push_back({.series = i,
                            .name = results.contenders[i].name,
                            .parts = {cores.median * 100},
                            .minimum = cores.minimum * 100,
                            .maximum = cores.maximum * 100,
                            .label = absl::StrFormat("%.2f", cores.median * 100)});
    }
    if (!group.bars.empty()) groups.push_back(std::move(group));
  }
  if (groups.empty()) return "";
  return absl::StrCat("<h2>CPU time while nothing comes</h2><p>Of the whole process. Shorter is better.</p>",
                      BarPlot(groups, "% of a CPU"));
}

std::string Cost(const Results& results, const RowSummaries& summaries) {
  std::vector<BarGroup> groups;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (!IsFullRate(results.rows[row].work)) continue;
    BarGroup group{.title = WorkName(results.rows[row].work)};
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      // Who has no thread of its own has no time of its own.
      if (!summaries[row][i] || summaries[row][i]->user_ns_per_packet + summaries[row][i]->kernel_ns_per_packet <= 0) continue;
      const Summary& summary = *summaries[row][i];
      group.bars.push_back({.series = i,
                            .name = results.contenders[i].name,
                            .parts = {summary.user_ns_per_packet, summary.kernel_ns_per_packet},
                            .label = absl::StrFormat("%.0f + %.0f", summary.user_ns_per_packet, summary.kernel_ns_per_packet)});
    }
    if (!group.bars.empty()) groups.push_back(std::move(group));
  }
  if (groups.empty()) return "";
  return absl::StrCat(
      "<h2>CPU time a packet</h2><p>Of the thread that forwards: user space, and paler the kernel. Shorter is better; polling "
      "while nothing is there is counted in.</p>",
      BarPlot(groups, "ns/packet"));
}

std::string Latency(const Results& results, const RowSummaries& summaries) {
  std::string html;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (!results.rows[row].work.latency) continue;
    std::vector<Curve> curves;
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      if (!summaries[row][i]) continue;
      Curve curve{.series = i, .name = results.contenders[i].name};
      for (double nines = 0; nines <= 3.001; nines += 0.05) {
        curve.points.emplace_back(nines, static_cast<double>(summaries[row][i]->latency_ns.Percentile(1 - std::pow(10, -nines))) / 1e3);
      }
      curves.push_back(std::move(curve));
    }
    absl::StrAppend(&html, "<h3>", EscapeHtml(WorkName(results.rows[row].work)), "</h3>", PercentilePlot(curves));
  }
  return html.empty() ? ""
                      : absl::StrCat("<h2>Latency</h2><p>From the source's program to the sink's, one way. Lower is better.</p>", html);
}

std::string Percent(double share) {
  return absl::StrFormat("%.0f", share * 100);
}

std::vector<std::string> TableCells(const std::string& name, const Summary& s, const Work& work) {
  const auto mpps = [](double pps) { return absl::StrFormat("%.3f", pps / 1e6); };
  std::vector<std::string> cells = {
      name,
      mpps(s.pps.median),
      absl::StrCat(mpps(s.pps.minimum), " to ", mpps(s.pps.maximum)),
      absl::StrFormat("%.2f", s.ratio.median),
      absl::StrFormat("%.2f to %.2f", s.ratio.minimum, s.ratio.maximum),
      absl::StrFormat("%.2f", s.loss * 100),
      absl::StrFormat("%.0f", s.user_ns_per_packet),
      absl::StrFormat("%.0f", s.kernel_ns_per_packet),
      s.busy_cycles_per_packet ? absl::StrFormat("%.0f", *s.busy_cycles_per_packet) : "",
      s.system_calls_per_packet ? absl::StrFormat("%.4f", *s.system_calls_per_packet) : "",
      absl::StrCat(Percent(s.user_share), "/", Percent(s.system_share), "/", Percent(s.softirq_share), "/", Percent(s.idle_share)),
      s.loss_free_pps.count > 0 ? mpps(s.loss_free_pps.median) : ""};
  for (double share : {0.5, 0.9, 0.99, 0.999}) {
    cells.push_back(work.latency ? absl::StrFormat("%.1f", static_cast<double>(s.latency_ns.Percentile(share)) / 1e3) : "");
  }
  cells.push_back(work.queue_count > 1 ? absl::StrJoin(s.queue_packets, " ") : "");
  cells.push_back(absl::StrJoin(s.notes, "; "));
  return cells;
}

std::vector<std::string> TcpTableCells(const std::string& name, const Summary& s) {
  const auto gbit = [](double bits) { return absl::StrFormat("%.2f", bits / 1e9); };
  return {name,
          gbit(s.bits_per_second.median),
          absl::StrCat(gbit(s.bits_per_second.minimum), " to ", gbit(s.bits_per_second.maximum)),
          absl::StrFormat("%.2f", s.ratio.median),
          absl::StrFormat("%.2f to %.2f", s.ratio.minimum, s.ratio.maximum),
          absl::StrCat(s.retransmissions),
          absl::StrCat(Percent(s.user_share), "/", Percent(s.system_share), "/", Percent(s.softirq_share), "/", Percent(s.idle_share)),
          absl::StrJoin(s.notes, "; ")};
}

std::string Table(const Results& results, const RowSummaries& summaries) {
  std::string html = "<h2>Figures</h2>";
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (results.rows[row].work.idle) continue;  // one figure, which has its plot
    std::vector<std::vector<std::string>> lines = {{"contender", "Mpps", "from, to", "ratio", "from, to", "loss %", "user ns", "kernel ns",
                                                    "busy cycles", "calls/packet", "usr/sys/sft/idle %", "no loss, Mpps", "p50 us",
                                                    "p90 us", "p99 us", "p99.9 us", "packets by queue", kNotes}};
    const bool tcp = results.rows[row].work.kind == WorkKind::kTcp;
    if (tcp) {
      lines = {{"contender", "Gbit/s", "from, to", "ratio", "from, to", "retransmissions", "usr/sys/sft/idle %", kNotes}};
    }
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      const auto& [name, description, version, missing] = results.contenders[i];
      if (summaries[row][i]) {
        lines.push_back(tcp ? TcpTableCells(name, *summaries[row][i]) : TableCells(name, *summaries[row][i], results.rows[row].work));
      } else if (missing.empty()) {
        lines.emplace_back(lines.front().size());
        lines.back().front() = name;
        lines.back().back() = results.rows[row].cells[i].not_applicable ? "does not do this work" : "left out or failed";
      }
    }
    absl::StrAppend(&html, "<h3>", EscapeHtml(WorkName(results.rows[row].work)), "</h3>", HtmlTable(lines));
  }
  if (results.left_out > 0) absl::StrAppend(&html, "<p>", results.left_out, " measurements were left out, as the time was over.</p>");
  return html;
}

}  // namespace

std::string HtmlReport(const Results& results, const std::string& command) {
  RowSummaries summaries;
  for (const Row& row : results.rows) summaries.push_back(Summarize(row));
  return absl::StrCat(plot::PageBegin("Pollux performance"), "<h1>Forwarders, measured by turns</h1><p><code>", EscapeHtml(command),
                      "</code></p>", ThroughputBySize(results, summaries), Throughput(results, summaries), Tcp(results, summaries),
                      BusyCycles(results, summaries), Idle(results, summaries), Cost(results, summaries), Latency(results, summaries),
                      Table(results, summaries), Contenders(results), Machine(results), plot::kPageEnd);
}

}  // namespace pollux::performance
