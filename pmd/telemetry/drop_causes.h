// SPDX-License-Identifier: Apache-2.0
// The losses among a device's counters.
#ifndef PMD_TELEMETRY_DROP_CAUSES_H_
#define PMD_TELEMETRY_DROP_CAUSES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pmd/device_stats.h"

namespace pollux::pmd::telemetry {

// "tx_dropped_too_long" 3, "rx_ring_full" 0: the named causes of rx_missed, rx_errors and tx_dropped, added up over the queues; those that
// never occurred too.
std::map<std::string, uint64_t> DropCauses(const std::vector<NamedCounter>& counters);

}  // namespace pollux::pmd::telemetry

#endif  // PMD_TELEMETRY_DROP_CAUSES_H_
