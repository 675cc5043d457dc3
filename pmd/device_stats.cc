// SPDX-License-Identifier: Apache-2.0
#include "pmd/device_stats.h"

namespace pollux::pmd {

QueueStats& QueueStats::operator+=(const QueueStats& other) {
  rx_packets += other.rx_packets;
  rx_bytes += other.rx_bytes;
  rx_missed += other.rx_missed;
  rx_errors += other.rx_errors;
  rx_nombuf += other.rx_nombuf;
  tx_packets += other.tx_packets;
  tx_bytes += other.tx_bytes;
  tx_dropped += other.tx_dropped;
  tx_pending += other.tx_pending;
  return *this;
}

std::vector<NamedCounter> GenericCounters(const QueueStats& stats) {
  return {{"rx_good_packets", stats.rx_packets}, {"tx_good_packets", stats.tx_packets},         {"rx_good_bytes", stats.rx_bytes},
          {"tx_good_bytes", stats.tx_bytes},     {"rx_missed_errors", stats.rx_missed},         {"rx_errors", stats.rx_errors},
          {"tx_errors", stats.tx_dropped},       {"rx_mbuf_allocation_errors", stats.rx_nombuf}};
}

}  // namespace pollux::pmd
