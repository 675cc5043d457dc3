// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/report/json_report.h"

#include <iterator>

namespace pollux::testpmd {
namespace {

using nlohmann::json;

json NodeOf(int node) {
  return node < 0 ? json(nullptr) : json(node);
}

json JsonOfEnds(const StreamEnds& ends) {
  return {{"rx_port", ends.rx_port}, {"rx_queue", ends.rx_queue}, {"tx_port", ends.tx_port}, {"tx_queue", ends.tx_queue}};
}

}  // namespace

json JsonOf(const pmd::QueueStats& stats) {
  return {{"rx_packets", stats.rx_packets}, {"rx_bytes", stats.rx_bytes},     {"rx_missed", stats.rx_missed},
          {"rx_errors", stats.rx_errors},   {"rx_nombuf", stats.rx_nombuf},   {"tx_packets", stats.tx_packets},
          {"tx_bytes", stats.tx_bytes},     {"tx_dropped", stats.tx_dropped}, {"tx_pending", stats.tx_pending}};
}

json JsonOf(const pmd::FeatureState& state) {
  return {{"feature", state.feature}, {"queue", state.queue == pmd::FeatureState::kWholeDevice ? json(nullptr) : json(state.queue)},
          {"asked", state.asked},     {"got", state.got},
          {"present", state.present}, {"reason", state.reason}};
}

json JsonOf(const mempool::Pool& pool) {
  const mempool::RegionReport& report = pool.region().report();
  return {{"pool", pool.id()},
          {"numa_node", NodeOf(report.node)},
          {"frames", pool.frame_count()},
          {"frame_size", pool.frame_size()},
          {"headroom", pool.headroom()},
          {"pages", std::string(mempool::PageKindName(report.pages))},
          {"fallback", report.fallback}};
}

json JsonOf(const mempool::FrameAudit& audit) {
  json holders = json::object();
  for (const auto& [name, count] : audit.holders()) holders[name] = count;
  return {{"pool", audit.pool().id()},  {"frames", audit.pool().frame_count()},    {"holders", holders},
          {"missing", audit.missing()}, {"duplicates", audit.duplicates().size()}, {"balanced", audit.Balance().ok()}};
}

json JsonOf(const PortAccount& account) {
  json object = JsonOf(account.device);
  object["name"] = account.name;
  for (std::size_t index = 0; index < std::size(kStreamCounters); ++index) {
    object["streams"][kStreamCounters[index].name] = account.stream_counters[index];
  }
  object["taken"] = account.taken;
  object["flushed"] = account.flushed;
  object["tx_drop_causes"] = json::object();
  for (const auto& [cause, value] : account.tx_drop_causes) object["tx_drop_causes"][cause] = value;
  object["rx_difference"] = account.RxDifference();
  object["tx_difference"] = account.TxDifference();
  return object;
}

json JsonOf(const StreamTotals& stream) {
  json object = JsonOfEnds(stream.ends);
  for (std::size_t index = 0; index < std::size(kStreamCounters); ++index) object[kStreamCounters[index].name] = stream.counters[index];
  object["busy_cycles"] = stream.busy_cycles;
  object["receive_cycles"] = stream.receive_cycles;
  object["send_cycles"] = stream.send_cycles;
  return object;
}

json JsonOf(const Port& port, const std::vector<pmd::FeatureState>& features) {
  const pmd::DeviceInfo info = port.Info();
  json object = {{"port", port.number()},
                 {"name", info.name},
                 {"driver", info.driver},
                 {"interface", info.interface},
                 {"mac", info.mac.ToString()},
                 {"mtu", info.mtu},
                 {"numa_node", info.numa_node.has_value() ? json(*info.numa_node) : json(nullptr)},
                 {"rx_queues", port.config().rx_queues},
                 {"tx_queues", port.config().tx_queues},
                 {"features", json::array()}};
  for (const pmd::FeatureState& state : features) object["features"].push_back(JsonOf(state));
  return object;
}

json JsonOf(std::size_t port, const pmd::QueueStats& stats, const Port::Rates& rates) {
  json object = JsonOf(stats);
  object["port"] = port;
  object["rx_pps"] = rates.rx_packets;
  object["rx_bps"] = rates.rx_bits;
  object["tx_pps"] = rates.tx_packets;
  object["tx_bps"] = rates.tx_bits;
  return object;
}

json JsonOfAssignment(const ForwardConfig& config) {
  const std::vector<StreamEnds> streams = config.Streams();
  json lcores = json::array();
  for (const LcoreStreams& lcore : config.Assignment()) {
    json entry = {{"lcore", lcore.lcore}, {"streams", json::array()}};
    for (std::size_t index : lcore.streams) entry["streams"].push_back(JsonOfEnds(streams[index]));
    lcores.push_back(entry);
  }
  return lcores;
}

json JsonOf(const std::vector<OffloadedPath>& paths) {
  json list = json::array();
  for (const OffloadedPath& path : paths) {
    list.push_back({{"rx_port", path.rx_port},
                    {"tx_port", path.tx_port},
                    {"offloaded", path.flow != 0},
                    {"reason", path.reason},
                    {"packets", path.statistics.packets},
                    {"bytes", path.statistics.bytes}});
  }
  return list;
}

}  // namespace pollux::testpmd
