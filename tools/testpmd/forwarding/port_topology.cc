// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/port_topology.h"

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {

absl::StatusOr<PortTopology> ParsePortTopology(absl::string_view name) {
  for (PortTopology topology : {PortTopology::kPaired, PortTopology::kChained, PortTopology::kLoop}) {
    if (name == PortTopologyName(topology)) return topology;
  }
  return absl::InvalidArgumentError(absl::StrCat("'", name, "': paired, chained or loop is expected"));
}

absl::string_view PortTopologyName(PortTopology topology) {
  switch (topology) {
    case PortTopology::kPaired:
      return "paired";
    case PortTopology::kChained:
      return "chained";
    case PortTopology::kLoop:
      return "loop";
  }
  return "?";
}

std::vector<std::size_t> TxPositions(PortTopology topology, std::size_t ports) {
  std::vector<std::size_t> positions(ports);
  for (std::size_t position = 0; position < ports; ++position) {
    switch (topology) {
      case PortTopology::kPaired:
        positions[position] = (position ^ 1) < ports ? position ^ 1 : position;
        break;
      case PortTopology::kChained:
        positions[position] = (position + 1) % ports;
        break;
      case PortTopology::kLoop:
        positions[position] = position;
        break;
    }
  }
  return positions;
}

std::string TopologyWarning(PortTopology topology, std::size_t ports) {
  if (topology != PortTopology::kPaired || ports % 2 == 0) return "";
  return "\nWarning! port-topology=paired and odd forward ports number, the last port will pair with itself.\n\n";
}

}  // namespace pollux::testpmd
