// SPDX-License-Identifier: Apache-2.0
// /ethdev/...: the keys are those of DPDK's lib/ethdev. What has no meaning here (offload masks, RSS) is left out rather than made up.
#include <algorithm>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/telemetry/commands.h"
#include "pmd/telemetry/parameters.h"

namespace pollux::pmd::telemetry {
namespace {

using nlohmann::json;

// RTE_ETHDEV_QUEUE_STAT_CNTRS: what clients take q_ipackets and its like for. All queues are in /ethdev/xstats.
constexpr std::size_t kQueuesInStats = 16;
constexpr int kNoNode = -1;

absl::Status NeedsConfiguration(const PortView& port) {
  if (port.configured) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("port ", port.number, " is not configured"));
}

absl::StatusOr<std::string> List(const ProcessView& view) {
  json numbers = json::array();
  for (const PortView& port : view.Ports()) numbers.push_back(port.number);
  return numbers.dump();
}

absl::StatusOr<std::string> Info(const PortView& port) {
  const DeviceInfo info = port.device->Info();
  json answer = {{"name", info.name},
                 {"driver_name", info.driver},
                 {"interface", info.interface},
                 {"state", 1},
                 {"nb_rx_queues", port.configured ? port.config.rx_queues : 0},
                 {"nb_tx_queues", port.configured ? port.config.tx_queues : 0},
                 {"max_rx_queues", info.maximum_rx_queues},
                 {"max_tx_queues", info.maximum_tx_queues},
                 {"interface_rx_queues", info.interface_rx_queues},
                 {"port_id", port.number},
                 {"mtu", info.mtu},
                 {"mac_addr", info.mac.ToString()},
                 {"promiscuous", port.config.promiscuous ? 1 : 0},
                 {"dev_started", port.started ? 1 : 0},
                 {"dev_configured", port.configured ? 1 : 0},
                 {"numa_node", info.numa_node.value_or(kNoNode)}};
  if (port.configured) answer["rx_mbuf_size_min"] = port.config.pool->frame_size() - port.config.pool->headroom();
  return JsonText(answer);
}

absl::StatusOr<std::string> Stats(const PortView& port) {
  if (absl::Status status = NeedsConfiguration(port); !status.ok()) return status;
  const QueueStats stats = port.device->Stats();
  json answer = {{"ipackets", stats.rx_packets}, {"opackets", stats.tx_packets}, {"ibytes", stats.rx_bytes},
                 {"obytes", stats.tx_bytes},     {"imissed", stats.rx_missed},   {"ierrors", stats.rx_errors},
                 {"oerrors", stats.tx_dropped},  {"rx_nombuf", stats.rx_nombuf}};
  const std::size_t queues = std::max(port.config.rx_queues, port.config.tx_queues);
  for (std::size_t number = 0; number < kQueuesInStats; ++number) {
    const QueueStats queue = number < queues ? port.device->Stats(number) : QueueStats{};
    answer["q_ipackets"].push_back(queue.rx_packets);
    answer["q_opackets"].push_back(queue.tx_packets);
    answer["q_ibytes"].push_back(queue.rx_bytes);
    answer["q_obytes"].push_back(queue.tx_bytes);
    answer["q_errors"].push_back(queue.rx_missed + queue.rx_errors);
  }
  return answer.dump();
}

absl::StatusOr<std::string> ExtendedStats(const PortView& port) {
  if (absl::Status status = NeedsConfiguration(port); !status.ok()) return status;
  json answer = json::object();
  for (const NamedCounter& counter : GenericCounters(port.device->Stats())) answer[counter.name] = counter.value;
  for (const NamedCounter& counter : port.device->ExtendedStats()) answer[counter.name] = counter.value;
  return answer.dump();
}

absl::StatusOr<std::string> LinkStatus(const PortView& port) {
  const auto link = port.device->Link();
  if (!link.ok()) return link.status();
  if (!link->up) return json{{"status", "DOWN"}}.dump();
  return json{{"status", "UP"}, {"speed", link->speed_mbps}, {"duplex", link->full_duplex ? "full-duplex" : "half-duplex"}}.dump();
}

absl::StatusOr<std::string> Queue(const ProcessView& view, absl::string_view parameters, bool receives) {
  const auto numbers = ParseNumbers(parameters, {"port", "queue"});
  if (!numbers.ok()) return numbers.status();
  const auto port = FindPort(view, numbers->front());
  if (!port.ok()) return port.status();
  if (absl::Status status = NeedsConfiguration(*port); !status.ok()) return status;
  const std::size_t number = numbers->back(), count = receives ? port->config.rx_queues : port->config.tx_queues;
  if (number >= count) {
    return absl::NotFoundError(
        absl::StrCat("port ", port->number, " has ", count, receives ? " rx" : " tx", " queue(s), and no number ", number));
  }
  const DeviceInfo info = port->device->Info();
  const std::size_t asked = receives ? port->config.rx_ring : port->config.tx_ring;
  const QueueStats stats = port->device->Stats(number);
  json answer = {{"socket_id", info.numa_node.value_or(kNoNode)},
                 {"nb_desc", asked != 0 ? asked
                             : receives ? info.recommended_rx_ring
                                        : info.recommended_ring},
                 {"state", port->started ? "started" : "stopped"},
                 {"packets", receives ? stats.rx_packets : stats.tx_packets},
                 {"bytes", receives ? stats.rx_bytes : stats.tx_bytes}};
  if (receives) {
    answer["mempool"] = absl::StrCat("mb_pool_", port->config.pool->id());
  } else {
    answer["pending"] = stats.tx_pending;
  }
  return answer.dump();
}

}  // namespace

void AddEthdevCommands(CommandTable& table, const ProcessView& view) {
  table.Add("/ethdev/list", "Returns list of available ethdev ports. No parameters", [&view](absl::string_view) { return List(view); });
  const struct {
    const char* name;
    const char* help;
    absl::StatusOr<std::string> (*answer)(const PortView&);
  } of_port[] = {{"/ethdev/info", "Returns the device info for a port. Parameters: int port_id", &Info},
                 {"/ethdev/stats", "Returns the common stats for a port. Parameters: int port_id", &Stats},
                 {"/ethdev/xstats", "Returns the extended stats for a port. Parameters: int port_id", &ExtendedStats},
                 {"/ethdev/link_status", "Returns the link status for a port. Parameters: int port_id", &LinkStatus}};
  for (const auto& command : of_port) {
    table.Add(command.name, command.help, [&view, answer = command.answer](absl::string_view parameters) -> absl::StatusOr<std::string> {
      const auto port = ParsePort(view, parameters);
      if (!port.ok()) return port.status();
      return answer(*port);
    });
  }
  table.Add("/ethdev/rx_queue", "Returns an rx queue. Parameters: int port_id, int queue_id",
            [&view](absl::string_view parameters) { return Queue(view, parameters, true); });
  table.Add("/ethdev/tx_queue", "Returns a tx queue. Parameters: int port_id, int queue_id",
            [&view](absl::string_view parameters) { return Queue(view, parameters, false); });
}

}  // namespace pollux::pmd::telemetry
