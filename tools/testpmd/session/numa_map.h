// SPDX-License-Identifier: Apache-2.0
// NumaMap: on which NUMA nodes lcores, ports and their frames are, and what that costs.
#ifndef TOOLS_TESTPMD_SESSION_NUMA_MAP_H_
#define TOOLS_TESTPMD_SESSION_NUMA_MAP_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lcore/lcore_options.h"
#include "lcore/topology.h"
#include "pmd/feature_state.h"
#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/port.h"

namespace pollux::testpmd {

// Belongs to the main lcore.
class NumaMap {
 public:
  NumaMap() = default;
  // Reads the machine; one that does not tell knows no nodes.
  static NumaMap Of(const lcore::LcorePlan& plan);

  std::optional<unsigned> NodeOfLcore(unsigned lcore) const;
  // Where the frames of a port belong: its node; for a port without one (veth, ring) that of the lcore which handles the packets.
  int MemoryNodeOf(const Port& port, unsigned lcore) const;
  // Of a configured port: the device's own, and "hugepages" and "numa".
  std::vector<pmd::FeatureState> FeaturesOf(const Port& port, const ForwardConfig& config) const;
  // A sentence for every lcore that is far from its port or the frames.
  std::vector<std::string> Warnings(const std::vector<std::unique_ptr<Port>>& ports, const ForwardConfig& config) const;
  // "; 2 nodes, ..." for the line of lcores; empty if nothing is known.
  std::string Description() const;

 private:
  lcore::LcorePlan plan_;
  std::optional<lcore::Topology> topology_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_NUMA_MAP_H_
