// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/forward_offload.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

constexpr uint32_t kLastPriority = UINT32_MAX;

using Kind = pmd::FlowAction::Kind;

pmd::FlowAction SetMacs(const pmd::MacAddress& destination, const pmd::MacAddress& source) {
  pmd::FlowAction action = {.kind = Kind::kSet};
  std::memcpy(action.value.destination_mac, destination.bytes.data(), sizeof(action.value.destination_mac));
  std::memcpy(action.value.source_mac, source.bytes.data(), sizeof(action.value.source_mac));
  std::memset(action.mask.destination_mac, 0xff, sizeof(action.mask.destination_mac));
  std::memset(action.mask.source_mac, 0xff, sizeof(action.mask.source_mac));
  return action;
}

}  // namespace

absl::StatusOr<std::vector<pmd::FlowAction>> ForwardOffload::Actions(const ForwardConfig& config, const OffloadedPath& path) const {
  std::vector<pmd::FlowAction> actions;
  if (config.mode == "mac") {
    actions.push_back(SetMacs(config.PeerOf(path.tx_port), ports_[path.tx_port]->Info().mac));
  } else if (config.mode == "macswap") {
    actions.push_back({.kind = Kind::kExchangeMacs});
  } else if (config.mode != "io") {
    return absl::UnimplementedError(absl::StrCat("mode ", config.mode, " is no flow; io, mac and macswap are"));
  }
  actions.push_back({.kind = Kind::kOutput, .port = static_cast<uint32_t>(path.tx_port)});
  return actions;
}

absl::StatusOr<pmd::FlowTable::Id> ForwardOffload::Offload(const ForwardConfig& config, const OffloadedPath& path) {
  auto actions = Actions(config, path);
  if (!actions.ok()) return actions.status();
  if (auto status = flows_.Connect(path.rx_port, path.tx_port); !status.ok()) return status;
  pmd::Flow flow = {.priority = kLastPriority, .match = {}, .actions = *std::move(actions)};
  flow.match.value.port = static_cast<uint32_t>(path.rx_port);
  flow.match.mask.port = ~0u;
  return flows_.table()->Add(flow);
}

void ForwardOffload::Start(const ForwardConfig& config) {
  paths_.clear();
  for (const StreamEnds& ends : config.Streams()) {
    const auto same = [&](const OffloadedPath& path) { return path.rx_port == ends.rx_port && path.tx_port == ends.tx_port; };
    if (std::any_of(paths_.begin(), paths_.end(), same)) continue;  // another queue
    OffloadedPath path = {.rx_port = ends.rx_port, .tx_port = ends.tx_port, .flow = 0, .reason = "", .statistics = {}};
    const auto flow = Offload(config, path);
    if (flow.ok()) {
      path.flow = *flow;
    } else {
      path.reason = std::string(flow.status().message());
    }
    paths_.push_back(std::move(path));
  }
  running_ = true;
}

absl::Status ForwardOffload::Refresh(const ForwardConfig& config) {
  absl::Status result;
  for (const OffloadedPath& path : paths_) {
    if (!running_ || path.flow == 0) continue;
    auto actions = Actions(config, path);
    result.Update(actions.ok() ? flows_.table()->Modify(path.flow, *actions) : actions.status());
  }
  return result;
}

absl::Status ForwardOffload::Stop() {
  absl::Status result;
  for (OffloadedPath& path : paths_) {
    if (!running_ || path.flow == 0) continue;
    const auto statistics = flows_.table()->Remove(path.flow);
    if (statistics.ok()) path.statistics = *statistics;
    result.Update(statistics.status());
  }
  running_ = false;
  return result;
}

std::vector<OffloadedPath> ForwardOffload::Paths() const {
  std::vector<OffloadedPath> paths = paths_;
  for (OffloadedPath& path : paths) {
    if (!running_ || path.flow == 0) continue;
    if (const auto statistics = flows_.table()->Statistics(path.flow); statistics.ok()) path.statistics = *statistics;
  }
  return paths;
}

std::string FormatOffload(const std::vector<OffloadedPath>& paths, bool counts) {
  std::string text;
  for (const OffloadedPath& path : paths) {
    if (counts && path.flow == 0) continue;
    absl::StrAppend(&text, "Offload: port ", path.rx_port, " -> port ", path.tx_port, ": ");
    if (path.flow == 0) {
      absl::StrAppend(&text, "not: ", path.reason, "\n");
    } else if (counts) {
      absl::StrAppend(&text, "packets ", path.statistics.packets, ", bytes ", path.statistics.bytes, " by the kernel\n");
    } else {
      text += "by the kernel\n";
    }
  }
  return text;
}

}  // namespace pollux::testpmd
