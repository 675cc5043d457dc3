// SPDX-License-Identifier: Apache-2.0
// What a device counts. docs/ownership.md says how the totals balance.
#ifndef PMD_DEVICE_STATS_H_
#define PMD_DEVICE_STATS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace pollux::pmd {

// One direction pair of a queue, or of a whole device (the sums).
struct QueueStats {
  uint64_t rx_packets = 0;  // handed to the caller by Receive
  uint64_t rx_bytes = 0;
  uint64_t rx_missed = 0;   // reached the queue, never the caller: ring full, no frame to fill, discarded at stop
  uint64_t rx_errors = 0;   // reached the queue in a state that could not be handed on: invalid descriptors
  uint64_t rx_nombuf = 0;   // times a refill found the pool empty (no packet is lost by that alone)
  uint64_t tx_packets = 0;  // taken by Send and given to the wire, as far as the driver can know
  uint64_t tx_bytes = 0;    // of packets handed to the kernel or the device, also of those that were dropped there
  uint64_t tx_dropped = 0;  // taken by Send and not sent: the sum of the named causes
  uint64_t tx_pending = 0;  // taken by Send, outcome not yet known: taken = tx_packets + tx_dropped + tx_pending

  QueueStats& operator+=(const QueueStats& other);
};

// A counter by name, as DPDK's xstats: "rx_q0_ring_full", "tx_q1_kicks".
struct NamedCounter {
  std::string name;
  uint64_t value = 0;
};

// The totals by the names that DPDK has for them in every driver's xstats: "rx_good_packets", ...
std::vector<NamedCounter> GenericCounters(const QueueStats& stats);

}  // namespace pollux::pmd

#endif  // PMD_DEVICE_STATS_H_
