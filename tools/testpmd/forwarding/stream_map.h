// SPDX-License-Identifier: Apache-2.0
// Which streams there are, and which lcore runs which.
#ifndef TOOLS_TESTPMD_FORWARDING_STREAM_MAP_H_
#define TOOLS_TESTPMD_FORWARDING_STREAM_MAP_H_

#include <cstddef>
#include <vector>

#include "tools/testpmd/engines/forward_engine.h"
#include "tools/testpmd/forwarding/port_topology.h"

namespace pollux::testpmd {

struct StreamEnds {
  std::size_t rx_port = 0;
  std::size_t rx_queue = 0;
  std::size_t tx_port = 0;
  std::size_t tx_queue = 0;

  bool operator==(const StreamEnds&) const = default;
};

struct StreamLayout {
  PortTopology topology = PortTopology::kPaired;
  std::vector<std::size_t> ports;  // forwarding ports, in the order that the topology goes by
  std::size_t rx_queues = 1;
  std::size_t tx_queues = 1;
};

// A stream for each rx queue of each port (for modes that only send: each tx queue), in DPDK's order: by queue, then by port. Unlike DPDK,
// which serves min(rxq, txq) queues, all rx queues are served; with fewer tx queues several streams share one.
std::vector<StreamEnds> PlanStreams(const ForwardMode& mode, const StreamLayout& layout);

struct LcoreStreams {
  unsigned lcore = 0;
  std::vector<std::size_t> streams;  // indices of the plan, rising
};

// Deals streams to lcores in contiguous runs of equal length; the last lcores take one more where it does not divide. Streams that share
// a tx queue go to the same lcore, since a queue belongs to one. Lcores that get nothing are left out.
std::vector<LcoreStreams> AssignStreams(const std::vector<StreamEnds>& plan, const std::vector<unsigned>& lcores, bool mode_sends);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_STREAM_MAP_H_
