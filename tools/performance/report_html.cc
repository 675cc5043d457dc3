// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "tools/performance/plot.h"
#include "tools/performance/report.h"
#include "tools/performance/summary.h"

namespace pollux::performance {
namespace {

// One file, nothing to load from elsewhere, light and dark.
constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Pollux performance</title><style>
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #667; --line: #dfe2e6; --back: #fff; --note: #b34700 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e7e9; --soft: #9aa3ad; --line: #33383f; --back: #16181b; --note: #ffa45c } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 900px; margin: 2.5rem auto; padding: 0 1.2rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
p, dd, li { color: var(--soft) } code { font-size: .85em; overflow-wrap: anywhere }
svg { width: 100%; height: auto; font-size: 12px } svg text { fill: var(--ink) }
.title { font-weight: 600; font-size: 13px } .name { text-anchor: end } .tick { text-anchor: middle; fill: var(--soft) } .label { fill: var(--soft) }
.grid { stroke: var(--line) } .whisker { stroke: var(--ink); stroke-width: 1.2 }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child, td:last-child { text-align: left } td:last-child { color: var(--note) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; font-size: 13px } dd { margin: 0 }
</style></head><body>
)";

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

std::string Throughput(const Results& results, const RowSummaries& summaries) {
  std::vector<BarGroup> groups;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    if (results.rows[row].work.offered_pps > 0) continue;
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
      group.bars.push_back({.series = 6,
                            .name = "source alone",
                            .parts = {alone->delivered_pps / 1e6},
                            .label = absl::StrFormat("%.3f, the limit", alone->delivered_pps / 1e6)});
    }
    groups.push_back(std::move(group));
  }
  return absl::StrCat("<h2>Packets a second</h2><p>Medians; whiskers from the slowest to the fastest round. Longer is better.</p>",
                      BarPlot(groups, "million packets/s"));
}

std::string Cost(const Results& results, const RowSummaries& summaries) {
  std::vector<BarGroup> groups;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    BarGroup group{.title = WorkName(results.rows[row].work)};
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      if (!summaries[row][i]) continue;
      const Summary& summary = *summaries[row][i];
      group.bars.push_back({.series = i,
                            .name = results.contenders[i].name,
                            .parts = {summary.user_ns_per_packet, summary.kernel_ns_per_packet},
                            .label = absl::StrFormat("%.0f + %.0f", summary.user_ns_per_packet, summary.kernel_ns_per_packet)});
    }
    groups.push_back(std::move(group));
  }
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

std::string Table(const Results& results, const RowSummaries& summaries) {
  std::string html = "<h2>Figures</h2>";
  for (size_t row = 0; row < results.rows.size(); ++row) {
    absl::StrAppend(
        &html, "<h3>", EscapeHtml(WorkName(results.rows[row].work)),
        "</h3><div class='scroll'><table><tr><th>contender</th><th>Mpps</th><th>min</th><th>max</th><th>ratio</th><th>loss %</th><th>user "
        "ns</th><th>kernel ns</th><th>calls/packet</th><th>no loss, Mpps</th><th></th></tr>");
    for (size_t i = 0; i < summaries[row].size(); ++i) {
      if (!summaries[row][i]) continue;
      const Summary& s = *summaries[row][i];
      absl::StrAppendFormat(
          &html,
          "<tr><td>%s</td><td>%.3f</td><td>%.3f</td><td>%.3f</td><td>%.2f</td><td>%.2f</td><td>%.0f</td><td>%.0f</td><td>%s</td><td>%"
          "s</td><td>%s</td></tr>",
          EscapeHtml(results.contenders[i].name), s.pps.median / 1e6, s.pps.minimum / 1e6, s.pps.maximum / 1e6, s.ratio.median,
          s.loss * 100, s.user_ns_per_packet, s.kernel_ns_per_packet,
          s.system_calls_per_packet ? absl::StrFormat("%.4f", *s.system_calls_per_packet) : "",
          s.loss_free_pps.count > 0 ? absl::StrFormat("%.3f", s.loss_free_pps.median / 1e6) : "", EscapeHtml(absl::StrJoin(s.notes, "; ")));
    }
    absl::StrAppend(&html, "</table></div>");
  }
  return html;
}

}  // namespace

std::string HtmlReport(const Results& results, const std::string& command) {
  RowSummaries summaries;
  for (const Row& row : results.rows) summaries.push_back(Summarize(row));
  return absl::StrCat(kHead, "<h1>Forwarders, measured by turns</h1><p><code>", EscapeHtml(command), "</code></p>",
                      Throughput(results, summaries), Cost(results, summaries), Latency(results, summaries), Table(results, summaries),
                      Contenders(results), Machine(results), "</body></html>\n");
}

}  // namespace pollux::performance
