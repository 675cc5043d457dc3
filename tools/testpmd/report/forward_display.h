// SPDX-License-Identifier: Apache-2.0
// Forwarding in text, as DPDK's testpmd shows it.
#ifndef TOOLS_TESTPMD_REPORT_FORWARD_DISPLAY_H_
#define TOOLS_TESTPMD_REPORT_FORWARD_DISPLAY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lcore/wake_histogram.h"
#include "pmd/device_stats.h"
#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/stream_totals.h"

namespace pollux::testpmd {

// Everything that `stop` and `show fwd stats all` print, since forwarding started or was cleared.
struct ForwardReport {
  std::string mode;
  std::vector<std::pair<std::size_t, pmd::QueueStats>> ports;
  std::vector<StreamTotals> streams;
  bool record_core_cycles = false;
  bool record_burst_stats = false;
  uint64_t clock_mhz = 0;
};

// Lines for every stream (if a port has several), a block for every port, the sum of them, and cycles a packet.
std::string FormatForwardStats(const ForwardReport& report);

// `show fwd wakes`: how long packets waited for an lcore that slept, a line for each length that there was.
std::string FormatWakes(unsigned lcore, const lcore::WakeHistogram& wakes);

// NUMA node in words of a port or lcore.
using NodeName = std::function<std::string(std::size_t)>;

// `show config fwd`: which lcore forwards from where to where.
std::string FormatForwardConfig(const ForwardConfig& config, const NodeName& lcore_node, const NodeName& port_node);
// `show config cores`.
std::string FormatCores(const ForwardConfig& config);
// `show config rxtx`; `ring` says the descriptors of a port's rx (true) or tx rings.
std::string FormatRxTx(const ForwardConfig& config, std::size_t lcores_in_use,
                       const std::function<std::size_t(std::size_t port, bool rx)>& ring);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_REPORT_FORWARD_DISPLAY_H_
