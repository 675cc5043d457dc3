// SPDX-License-Identifier: Apache-2.0
// Ports in text, as DPDK's testpmd shows them.
#ifndef TOOLS_TESTPMD_REPORT_PORT_DISPLAY_H_
#define TOOLS_TESTPMD_REPORT_PORT_DISPLAY_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tools/testpmd/forwarding/port.h"

namespace pollux::testpmd {

// One line of --display-xstats.
struct ShownCounter {
  std::string name;
  uint64_t value = 0;
  uint64_t rate = 0;
};

// `show port stats`: the block "NIC statistics for port N".
std::string FormatPortStats(std::size_t port, const pmd::QueueStats& stats, const Port::Rates& rates,
                            const std::vector<ShownCounter>& shown = {});
// `show port xstats`: DPDK's generic names first, then the driver's own.
std::string FormatExtendedStats(std::size_t port, const std::vector<pmd::NamedCounter>& counters);

// `show port info`.
std::string FormatPortInfo(const Port& port, const absl::StatusOr<pmd::LinkState>& link);
// `show port summary`: heading with the number of ports, then a line a port.
std::string FormatSummaryHeading(std::size_t ports);
std::string FormatSummaryLine(std::size_t port, const pmd::DeviceInfo& info, const absl::StatusOr<pmd::LinkState>& link);
// `show rxq info`, `show txq info`.
std::string FormatQueueInfo(const Port& port, std::size_t queue, bool rx);

// "10 Gbps", "2500 Mbps", "Unknown".
std::string FormatSpeed(uint64_t mbps);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_REPORT_PORT_DISPLAY_H_
