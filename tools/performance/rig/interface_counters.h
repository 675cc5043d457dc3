// SPDX-License-Identifier: Apache-2.0
// What the kernel counts at an interface: of the link, and by queue what the driver tells.
#ifndef TOOLS_PERFORMANCE_RIG_INTERFACE_COUNTERS_H_
#define TOOLS_PERFORMANCE_RIG_INTERFACE_COUNTERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/support/network_namespace.h"

namespace pollux::performance {

struct LinkCounters {
  uint64_t rx_packets = 0, rx_bytes = 0, rx_errors = 0, rx_dropped = 0;
  uint64_t tx_packets = 0, tx_bytes = 0, tx_errors = 0, tx_dropped = 0;
};
absl::StatusOr<LinkCounters> ReadLinkCounters(const support::NetworkNamespace& network, const std::string& interface);

// The driver's own counters of its rx queues (ethtool -S), by queue under the name without it: rx_queue_1_xdp_redirect is
// "xdp_redirect"[1].
using QueueCounters = std::map<std::string, std::vector<uint64_t>>;
absl::StatusOr<QueueCounters> ReadQueueCounters(const support::NetworkNamespace& network, const std::string& interface);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_INTERFACE_COUNTERS_H_
