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

}  // namespace pollux::pmd
