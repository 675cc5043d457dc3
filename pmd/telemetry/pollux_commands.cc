// SPDX-License-Identifier: Apache-2.0
// /pollux/...
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/cycle_clock.h"
#include "pmd/telemetry/commands.h"
#include "pmd/telemetry/drop_causes.h"
#include "pmd/telemetry/parameters.h"

namespace pollux::pmd::telemetry {
namespace {

using nlohmann::json;

json ReportOf(const PortView& port) {
  const DeviceInfo info = port.device->Info();
  json report = {{"port", port.number},
                 {"name", info.name},
                 {"driver", info.driver},
                 {"interface", info.interface},
                 {"started", port.started},
                 {"rx_queues", port.configured ? port.config.rx_queues : 0},
                 {"tx_queues", port.configured ? port.config.tx_queues : 0},
                 {"interface_rx_queues", info.interface_rx_queues},
                 {"features", json::array()}};
  if (!port.configured) return report;
  for (const FeatureState& state : port.device->Features()) {
    report["features"].push_back({{"feature", state.feature},
                                  {"queue", state.queue == FeatureState::kWholeDevice ? json(nullptr) : json(state.queue)},
                                  {"asked", state.asked},
                                  {"got", state.got},
                                  {"present", state.present},
                                  {"reason", state.reason}});
  }
  return report;
}

// docs/ownership.md, E2, E4 and E5: what the totals say, and what the names say.
json AccountOf(const PortView& port) {
  const QueueStats stats = port.device->Stats();
  json account = {{"port", port.number},
                  {"rx_packets", stats.rx_packets},
                  {"rx_missed", stats.rx_missed},
                  {"rx_errors", stats.rx_errors},
                  {"tx_packets", stats.tx_packets},
                  {"tx_dropped", stats.tx_dropped},
                  {"tx_pending", stats.tx_pending},
                  {"drops", json::object()}};
  for (const auto& [cause, packets] : DropCauses(port.device->ExtendedStats())) account["drops"][cause] = packets;
  return account;
}

absl::StatusOr<std::string> Report(const ProcessView& view) {
  json ports = json::array();
  for (const PortView& port : view.Ports()) ports.push_back(ReportOf(port));
  return JsonText({{"cycles_per_second", lcore::CyclesPerSecond()}, {"ports", ports}});
}

absl::StatusOr<std::string> Accounting(const ProcessView& view) {
  json answer = {{"ports", json::array()}, {"pools", json::array()}};
  for (const PortView& port : view.Ports()) {
    if (port.configured) answer["ports"].push_back(AccountOf(port));
  }
  for (const auto& pool : view.Pools()) {
    answer["pools"].push_back({{"pool", pool->id()}, {"frames", pool->frame_count()}, {"free", pool->FreeCount()}});
  }
  return answer.dump();
}

// What stands still while it should move, with its cause.
absl::StatusOr<std::string> Watchdog(const ProcessView& view) {
  json answer = {{"lcores", json::array()}, {"queues", json::array()}, {"reopened", json::array()}};
  for (const LcoreView& lcore : view.Lcores()) {
    if (lcore.stall == nullptr) continue;
    answer["lcores"].push_back({{"lcore", lcore.id}, {"milliseconds", lcore.stall->milliseconds}, {"text", lcore.stall->cause}});
  }
  for (const PortView& port : view.Ports()) {
    if (port.reopened != 0) answer["reopened"].push_back({{"port", port.number}, {"times", port.reopened}});
    if (!port.started) continue;
    for (const Stall& stall : port.device->Stalls()) {
      answer["queues"].push_back({{"port", port.number},
                                  {"direction", stall.receives ? "rx" : "tx"},
                                  {"queue", stall.queue},
                                  {"cause", StallCauseName(stall.cause)},
                                  {"milliseconds", stall.milliseconds},
                                  {"text", stall.text}});
    }
  }
  return JsonText(answer);
}

// Bounds are of all lcores; the last count is of what was longer than the last bound.
absl::StatusOr<std::string> Wakes(const ProcessView& view) {
  using lcore::WakeHistogram;
  json answer = {{"bounds_ns", json::array()}, {"lcores", json::array()}};
  for (std::size_t bucket = 0; bucket + 1 < WakeHistogram::kBuckets; ++bucket) {
    answer["bounds_ns"].push_back(WakeHistogram::LongestOf(bucket));
  }
  for (const LcoreView& lcore : view.Lcores()) {
    if (lcore.wakes == nullptr) continue;
    json counts = json::array();
    for (std::size_t bucket = 0; bucket < WakeHistogram::kBuckets; ++bucket) counts.push_back(lcore.wakes->count(bucket));
    answer["lcores"].push_back(
        {{"lcore", lcore.id}, {"counts", std::move(counts)}, {"sum_ns", lcore.wakes->sum_ns()}, {"unmeasured", lcore.wakes->unmeasured()}});
  }
  return answer.dump();
}

}  // namespace

void AddPolluxCommands(CommandTable& table, const ProcessView& view) {
  table.Add("/pollux/report", "Returns what was asked of kernel and machine, and what was got. No parameters",
            [&view](absl::string_view) { return Report(view); });
  table.Add("/pollux/accounting", "Returns where the packets and the frames are, with every loss by its name. No parameters",
            [&view](absl::string_view) { return Accounting(view); });
  table.Add("/pollux/watchdog", "Returns lcores and queues that stand still while they should move, and why. No parameters",
            [&view](absl::string_view) { return Watchdog(view); });
  table.Add("/pollux/wakes", "Returns how long lcores that slept took from a packet's arrival until they were awake. No parameters",
            [&view](absl::string_view) { return Wakes(view); });
}

}  // namespace pollux::pmd::telemetry
