// SPDX-License-Identifier: Apache-2.0
// PortTopology: which port a packet leaves by.
#ifndef TOOLS_TESTPMD_FORWARDING_PORT_TOPOLOGY_H_
#define TOOLS_TESTPMD_FORWARDING_PORT_TOPOLOGY_H_

#include <cstddef>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::testpmd {

enum class PortTopology {
  kPaired,   // (0,1) (2,3): each port of a pair sends to the other; an odd last port sends to itself
  kChained,  // 0 -> 1 -> 2 -> 0
  kLoop,     // each to itself
};

// INVALID_ARGUMENT names the three.
absl::StatusOr<PortTopology> ParsePortTopology(absl::string_view name);
absl::string_view PortTopologyName(PortTopology topology);

// Position in the list of forwarding ports to send to, for each of `ports` positions.
std::vector<std::size_t> TxPositions(PortTopology topology, std::size_t ports);

// DPDK's warning about an odd number of paired ports, else empty.
std::string TopologyWarning(PortTopology topology, std::size_t ports);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_PORT_TOPOLOGY_H_
