// SPDX-License-Identifier: Apache-2.0
// /pollux/flows
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/cycle_clock.h"
#include "pmd/flow_table.h"
#include "pmd/flow_text.h"
#include "pmd/telemetry/commands.h"
#include "pmd/telemetry/parameters.h"

namespace pollux::pmd::telemetry {
namespace {

using nlohmann::json;

constexpr std::size_t kFlowsOfPage = 128;  // fewer bytes than an answer may have, whatever they match

json PortOf(const PortView& port) {
  return {{"port", port.number},
          {"number", port.flow_port},
          {"looked_up", port.flow_role == FlowRole::kInputAndOutput},
          {"interface", port.device->Info().interface}};
}

json AboutTable(const FlowTable& table) {
  json about = {{"flows", table.flow_count()}, {"most_flows", table.options().flows},
                {"masks", table.mask_count()}, {"most_masks", table.options().masks},
                {"ports", json::array()},      {"counters", json::object()}};
  for (const NamedCounter& counter : table.Counters()) about["counters"][counter.name] = counter.value;
  return about;
}

// Ports that share a table stand at one: its counters are those of all.
absl::StatusOr<std::string> Tables(const ProcessView& view) {
  json tables = json::array();
  std::vector<std::shared_ptr<const FlowTable>> seen;
  for (const PortView& port : view.Ports()) {
    if (port.flows == nullptr) continue;
    const auto known = std::find(seen.begin(), seen.end(), port.flows);
    const auto place = static_cast<std::size_t>(known - seen.begin());
    if (known == seen.end()) {
      seen.push_back(port.flows);
      tables.push_back(AboutTable(*port.flows));
    }
    tables[place]["ports"].push_back(PortOf(port));
  }
  return JsonText({{"tables", std::move(tables)}});
}

json AboutFlow(const FlowTable::Listed& listed, uint64_t now_ns) {
  const FlowStatistics& statistics = listed.statistics;
  const uint64_t idle_ns = now_ns - std::min(now_ns, statistics.last_use_ns);
  return {{"flow", listed.flow},
          {"priority", listed.priority},
          {"match", DescribeFlowMatch(listed.match)},
          {"packets", statistics.packets},
          {"bytes", statistics.bytes},
          {"idle_ms", statistics.last_use_ns == 0 ? json(nullptr) : json(idle_ns / 1'000'000)}};
}

absl::StatusOr<std::string> Flows(const ProcessView& view, absl::string_view parameters) {
  const bool goes_on = parameters.find(',') != absl::string_view::npos;
  const auto numbers = ParseNumbers(parameters, goes_on ? std::vector<std::string>{"port", "first"} : std::vector<std::string>{"port"});
  if (!numbers.ok()) return numbers.status();
  const auto port = FindPort(view, numbers->front());
  if (!port.ok()) return port.status();
  if (port->flows == nullptr) return absl::FailedPreconditionError(absl::StrCat("port ", port->number, " uses no flow table"));
  const std::size_t first = goes_on ? numbers->back() : 0;
  FlowTable::Page page;
  if (first < port->flows->options().flows) page = port->flows->List(static_cast<uint32_t>(first), kFlowsOfPage, port->flow_port);
  json answer = PortOf(*port);
  answer["flows"] = json::array();
  const uint64_t now_ns = lcore::MonotonicNanoseconds();
  for (const FlowTable::Listed& listed : page.flows) answer["flows"].push_back(AboutFlow(listed, now_ns));
  answer["next"] = page.next.has_value() ? json(*page.next) : json(nullptr);
  return JsonText(answer);
}

}  // namespace

void AddFlowCommands(CommandTable& table, const ProcessView& view) {
  table.Add(
      "/pollux/flows",
      "Without parameters returns the flow tables, their ports and counters; of a port the flows that its packets may match, up to 128. "
      "Parameters: int port_id, int first (next of the answer before)",
      [&view](absl::string_view parameters) { return parameters.empty() ? Tables(view) : Flows(view, parameters); });
}

}  // namespace pollux::pmd::telemetry
