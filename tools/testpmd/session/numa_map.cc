// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/numa_map.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/placement.h"
#include "mempool/pool.h"
#include "tools/testpmd/report/start_report.h"

namespace pollux::testpmd {
namespace {

std::optional<unsigned> NodeNumber(std::optional<int> node) {
  return !node.has_value() || *node < 0 ? std::nullopt : std::optional<unsigned>(static_cast<unsigned>(*node));
}

std::vector<unsigned> LcoresOf(std::size_t port, const ForwardConfig& config) {
  const std::vector<StreamEnds> streams = config.Streams();
  std::vector<unsigned> lcores;
  for (const LcoreStreams& assigned : config.Assignment()) {
    const auto touches = [&](std::size_t index) { return streams[index].rx_port == port || streams[index].tx_port == port; };
    if (std::any_of(assigned.streams.begin(), assigned.streams.end(), touches)) lcores.push_back(assigned.lcore);
  }
  return lcores;
}

}  // namespace

NumaMap NumaMap::Of(const lcore::LcorePlan& plan) {
  NumaMap map;
  map.plan_ = plan;
  if (absl::StatusOr<lcore::Topology> topology = lcore::Topology::FromMachine(); topology.ok()) map.topology_ = *std::move(topology);
  return map;
}

std::optional<unsigned> NumaMap::NodeOfLcore(unsigned lcore) const {
  const lcore::LcoreSpec* spec = plan_.Find(lcore);
  return spec == nullptr || !topology_.has_value() ? std::nullopt : topology_->NodeOf(spec->cpus);
}

int NumaMap::MemoryNodeOf(const Port& port, unsigned lcore) const {
  if (const std::optional<int> node = port.Info().numa_node; node.has_value()) return *node;
  const std::optional<unsigned> node = NodeOfLcore(lcore);
  return node.has_value() ? static_cast<int>(*node) : mempool::kAnyNode;
}

std::vector<pmd::FeatureState> NumaMap::FeaturesOf(const Port& port, const ForwardConfig& config) const {
  const mempool::RegionReport& report = port.config().pool->region().report();
  PortNodes nodes{.port = NodeNumber(port.Info().numa_node), .memory = NodeNumber(report.node)};
  for (unsigned lcore : LcoresOf(port.number(), config)) nodes.lcores.push_back(NodeOfLcore(lcore));
  return MergeFeatures(port.device().Features(), {HugepageState(report), NumaState(nodes)});
}

std::vector<std::string> NumaMap::Warnings(const std::vector<std::unique_ptr<Port>>& ports, const ForwardConfig& config) const {
  std::vector<std::string> warnings;
  for (const auto& port : ports) {
    for (unsigned lcore : LcoresOf(port->number(), config)) {
      const lcore::Placement placement{.lcore = lcore,
                                       .lcore_node = NodeOfLcore(lcore),
                                       .port = port->FullName(),
                                       .port_node = NodeNumber(port->Info().numa_node),
                                       .memory_node = NodeNumber(port->config().pool->region().report().node)};
      for (std::string& warning : lcore::PlacementWarnings(placement, topology_.has_value() ? &*topology_ : nullptr)) {
        warnings.push_back(std::move(warning));
      }
    }
  }
  return warnings;
}

std::string NumaMap::Description() const {
  return topology_.has_value() ? absl::StrCat("; ", topology_->Describe()) : "";
}

}  // namespace pollux::testpmd
