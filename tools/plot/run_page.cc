// SPDX-License-Identifier: Apache-2.0
#include "tools/plot/run_page.h"

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "tools/plot/page.h"
#include "tools/plot/plot.h"

namespace pollux::plot {
namespace {

using Runs = std::vector<std::pair<std::string, RunSeries>>;

constexpr std::size_t kMostCurves = 24;  // of a plot: who has more reads the table

constexpr struct {
  RunValue value;
  const char* title;
  const char* text;
} kPlots[] = {
    {RunValue::kRxPackets, "Received, packets a second", ""},
    {RunValue::kTxPackets, "Sent, packets a second", ""},
    {RunValue::kRxBits, "Received, bits a second", ""},
    {RunValue::kTxBits, "Sent, bits a second", ""},
    {RunValue::kDrops, "Lost, packets a second",
     "Each loss by its name: what a port lost has the port's name before it, what the forward mode dropped has none."},
    {RunValue::kFreeFrames, "Free frames, per cent of the pool", ""},
    {RunValue::kBusy, "Busy, per cent of an lcore's time", "Rounds that had packets; the rest is polling for nothing, or sleep."},
    {RunValue::kRound, "Latency of the pipeline: microseconds a round",
     "How long a round of an lcore that had packets took, on average: from the receiving of its bursts to their sending. A packet waits "
     "for the "
     "round before, and goes with the next."},
};

std::string NameOf(const std::string& run, const std::string& name) {
  return run.empty() ? name : absl::StrCat(run, ": ", name);
}

bool HasPoint(const RunSeries::Points& points) {
  return std::any_of(points.begin(), points.end(), [](const auto& point) { return point.second == point.second; });
}

std::string PlotOf(const Runs& runs, RunValue value, std::size_t& left_out) {
  std::vector<Curve> curves;
  for (const auto& [run, series] : runs) {
    for (const auto& [key, points] : series.values) {
      if (key.first != value || !HasPoint(points)) continue;
      // Of the second dozen of colours, dashed.
      curves.push_back({.series = curves.size() % kNeutralSeries,
                        .name = NameOf(run, key.second),
                        .points = points,
                        .dashed = curves.size() >= kNeutralSeries});
    }
  }
  left_out = curves.size() - std::min(curves.size(), kMostCurves);
  curves.resize(curves.size() - left_out);
  return TimePlot(curves);
}

std::string Totals(const Runs& runs) {
  std::vector<std::vector<std::string>> lines = {{"counter", "in all", "a second"}};
  for (const auto& [run, series] : runs) {
    for (const auto& [name, total] : series.totals) {
      lines.push_back({NameOf(run, name), absl::StrCat(total), absl::StrFormat("%.1f", static_cast<double>(total) / series.seconds)});
    }
  }
  return absl::StrCat("<h2>Counters at the end</h2>", HtmlTable(lines));
}

}  // namespace

std::string RunPage(const Runs& runs) {
  std::string html = absl::StrCat(PageBegin("Pollux: a run over time"), "<h1>A run over time</h1>");
  for (const auto& [run, series] : runs) {
    absl::StrAppend(&html, "<p>", EscapeHtml(NameOf(run, absl::StrFormat("%d samples in %.1f s", series.samples, series.seconds))),
                    series.cut.empty() ? "" : absl::StrCat("; ", EscapeHtml(series.cut)), "</p>");
  }
  for (const auto& plot : kPlots) {
    std::size_t left_out = 0;
    const std::string svg = PlotOf(runs, plot.value, left_out);
    absl::StrAppend(&html, "<h2>", plot.title, "</h2>");
    if (*plot.text != '\0') absl::StrAppend(&html, "<p>", plot.text, "</p>");
    absl::StrAppend(&html, svg.empty() ? "<p>Nothing at any time.</p>" : svg);
    if (left_out > 0) absl::StrAppend(&html, "<p>", left_out, " more are in the table below.</p>");
  }
  return absl::StrCat(html, Totals(runs), kPageEnd);
}

}  // namespace pollux::plot
