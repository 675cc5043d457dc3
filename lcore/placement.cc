// SPDX-License-Identifier: Apache-2.0
#include "lcore/placement.h"

#include <absl/strings/str_cat.h>

namespace pollux::lcore {
namespace {

// " (CPUs 0-7)", or nothing.
std::string CpusOf(const Topology* topology, unsigned node) {
  if (topology == nullptr) return "";
  const CoreSet cpus = topology->CpusOfNode(node);
  return cpus.empty() ? "" : absl::StrCat(" (CPUs ", cpus.ToString(), ")");
}

bool Apart(const std::optional<unsigned>& one, const std::optional<unsigned>& other) {
  return one.has_value() && other.has_value() && *one != *other;
}

}  // namespace

std::vector<std::string> PlacementWarnings(const Placement& placement, const Topology* topology) {
  const auto& [lcore, lcore_node, port, port_node, memory_node] = placement;
  std::vector<std::string> warnings;
  if (Apart(lcore_node, port_node)) {
    warnings.push_back(absl::StrCat("lcore ", lcore, " is on NUMA node ", *lcore_node, ", but ", port, " which it polls is on node ",
                                    *port_node, ": give the port an lcore of node ", *port_node, CpusOf(topology, *port_node)));
  }
  if (Apart(memory_node, port_node)) {
    warnings.push_back(absl::StrCat("the frames of ", port, " are in memory of NUMA node ", *memory_node, ", but the port is on node ",
                                    *port_node, ": put its mempool on node ", *port_node));
  }
  // With the port's node known, the two sentences above say everything that this one could.
  if (Apart(lcore_node, memory_node) && !port_node.has_value()) {
    warnings.push_back(absl::StrCat("lcore ", lcore, " is on NUMA node ", *lcore_node, ", but the frames of ", port,
                                    " which it polls are in memory of node ", *memory_node, ": put the mempool on node ", *lcore_node,
                                    ", or poll with an lcore of node ", *memory_node, CpusOf(topology, *memory_node)));
  }
  return warnings;
}

}  // namespace pollux::lcore
