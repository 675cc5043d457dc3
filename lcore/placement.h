// SPDX-License-Identifier: Apache-2.0
// Says in words when an lcore, its memory and its NIC are on different NUMA nodes.
#ifndef LCORE_PLACEMENT_H_
#define LCORE_PLACEMENT_H_

#include <optional>
#include <string>
#include <vector>

#include "lcore/topology.h"

namespace pollux::lcore {

// One lcore that polls one port with frames of one region. A node that nobody knows is nullopt.
struct Placement {
  unsigned lcore = 0;
  std::optional<unsigned> lcore_node = {};   // Topology::NodeOf(the lcore's cpus)
  std::string port;                          // as the user knows it, for example "port 0 (eth1)"
  std::optional<unsigned> port_node = {};    // DeviceNumaNode(interface)
  std::optional<unsigned> memory_node = {};  // where the region's pages are
};

// Returns a sentence for each thing to move: which lcore, which port, which nodes, and what to change. The port's node comes first, since
// it cannot be changed: an lcore or memory away from it is a sentence each; only when it is unknown are lcore and memory
// compared with each other. Unknown nodes give none. With a topology the sentences name the CPUs to choose from.
std::vector<std::string> PlacementWarnings(const Placement& placement, const Topology* topology = nullptr);

}  // namespace pollux::lcore

#endif  // LCORE_PLACEMENT_H_
