// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/report/start_report.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

namespace pollux::testpmd {
namespace {

constexpr const char* kYellow = "\033[33m";
constexpr const char* kPlain = "\033[0m";

std::string NodeText(const std::optional<unsigned>& node) {
  return node.has_value() ? absl::StrCat("node ", *node) : "unknown";
}

std::string QueueText(int queue) {
  return queue == pmd::FeatureState::kWholeDevice ? "all" : absl::StrCat(queue);
}

}  // namespace

pmd::FeatureState HugepageState(const mempool::RegionReport& report) {
  const bool huge = report.pages == mempool::PageKind::kHuge2M || report.pages == mempool::PageKind::kHuge1G;
  return {.feature = pmd::kFeatureHugepages,
          .asked = std::string(mempool::PageKindName(report.asked_pages)),
          .got = std::string(mempool::PageKindName(report.pages)),
          .present = huge,
          .reason = report.fallback};
}

pmd::FeatureState NumaState(const PortNodes& nodes) {
  pmd::FeatureState state{.feature = pmd::kFeatureNuma, .asked = "one node", .present = true};
  state.got = absl::StrCat("port ", NodeText(nodes.port), ", memory ", NodeText(nodes.memory));
  std::optional<unsigned> common = nodes.port;
  const auto agrees = [&common](const std::optional<unsigned>& node) {
    if (!node.has_value()) return true;
    if (!common.has_value()) common = node;
    return common == node;
  };
  if (!agrees(nodes.memory)) {
    state.present = false;
    state.reason = "the frames are on another node than the port";
  }
  for (const std::optional<unsigned>& lcore : nodes.lcores) {
    if (agrees(lcore)) continue;
    state.present = false;
    state.reason = "an lcore is on another node than the port or its frames (see -l)";
  }
  return state;
}

std::vector<pmd::FeatureState> MergeFeatures(std::vector<pmd::FeatureState> device, const std::vector<pmd::FeatureState>& others) {
  for (const pmd::FeatureState& state : others) {
    const auto same = [&state](const pmd::FeatureState& own) { return own.feature == state.feature; };
    if (std::none_of(device.begin(), device.end(), same)) device.push_back(state);
  }
  return device;
}

std::string FormatFeatures(const std::string& port, const std::vector<pmd::FeatureState>& states, bool colour) {
  const std::vector<std::string> headings = {"queue", "feature", "asked", "got", "remark"};
  std::vector<std::vector<std::string>> rows = {headings};
  for (const pmd::FeatureState& state : states) {
    rows.push_back({QueueText(state.queue), state.feature, state.asked, state.got, state.reason});
  }
  std::vector<std::size_t> widths(headings.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) widths[column] = std::max(widths[column], row[column].size());
  }
  std::string text = absl::StrCat(port, ": what was asked, and what was got\n");
  for (std::size_t index = 0; index < rows.size(); ++index) {
    std::string line = " ";
    for (std::size_t column = 0; column < headings.size(); ++column) {
      absl::StrAppend(&line, " ", absl::StrFormat("%-*s", widths[column] + 1, rows[index][column]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    const bool missing = colour && index > 0 && !states[index - 1].present;
    absl::StrAppend(&text, missing ? kYellow : "", line, missing ? kPlain : "", "\n");
  }
  return text;
}

}  // namespace pollux::testpmd
