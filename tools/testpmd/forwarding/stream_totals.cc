// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/stream_totals.h"

#include <absl/strings/str_format.h>

namespace pollux::testpmd {

uint64_t StreamTotals::Value(absl::string_view name) const {
  for (std::size_t index = 0; index < counters.size(); ++index) {
    if (name == kStreamCounters[index].name) return counters[index];
  }
  return 0;
}

int64_t StreamTotals::Held() const {
  uint64_t held = 0;
  for (std::size_t index = 0; index < counters.size(); ++index) {
    switch (kStreamCounters[index].role) {
      case CounterRole::kIn:
        held += counters[index];
        break;
      case CounterRole::kOut:
      case CounterRole::kDrop:
      case CounterRole::kConsumed:
        held -= counters[index];
        break;
      case CounterRole::kEvent:
        break;
    }
  }
  return static_cast<int64_t>(held);
}

StreamTotals& StreamTotals::operator-=(const StreamTotals& other) {
  for (std::size_t index = 0; index < counters.size(); ++index) counters[index] -= other.counters[index];
  busy_cycles -= other.busy_cycles;
  receive_cycles -= other.receive_cycles;
  send_cycles -= other.send_cycles;
  for (std::size_t size = 0; size < rx_bursts.size(); ++size) {
    rx_bursts[size] -= other.rx_bursts[size];
    tx_bursts[size] -= other.tx_bursts[size];
  }
  return *this;
}

StreamTotals TotalsOf(const Stream& stream) {
  StreamTotals totals;
  totals.ends = {stream.rx_port, stream.rx_queue, stream.tx_port, stream.tx_queue};
  for (std::size_t index = 0; index < totals.counters.size(); ++index) {
    totals.counters[index] = (stream.stats.*kStreamCounters[index].counter).value();
  }
  totals.busy_cycles = stream.stats.busy_cycles.value();
  totals.receive_cycles = stream.stats.receive_cycles.value();
  totals.send_cycles = stream.stats.send_cycles.value();
  for (std::size_t size = 0; size < totals.rx_bursts.size(); ++size) {
    totals.rx_bursts[size] = stream.stats.rx_bursts.bursts[size].value();
    totals.tx_bursts[size] = stream.stats.tx_bursts.bursts[size].value();
  }
  return totals;
}

std::string FormatBursts(absl::string_view direction, const BurstTotals& bursts) {
  struct Size {
    std::size_t packets = 0;
    uint64_t count = 0;
  };
  Size shown[3] = {{0, bursts[0]}, {}, {}};
  uint64_t total = bursts[0];
  for (std::size_t packets = 1; packets < bursts.size(); ++packets) {
    const Size size{packets, bursts[packets]};
    total += size.count;
    if (size.count > shown[1].count) {
      shown[2] = shown[1];
      shown[1] = size;
    } else if (size.count > shown[2].count) {
      shown[2] = size;
    }
  }
  if (total == 0) return "";
  std::string line = absl::StrFormat("  %s-bursts : %u [", direction, total);
  uint64_t count = 0;
  int percent_shown = 0;
  for (const Size& size : shown) {
    count += size.count;
    if (count == total) return line + absl::StrFormat("%d%% of %u pkts]\n", 100 - percent_shown, size.packets);
    const int percent = static_cast<int>(static_cast<double>(size.count) / static_cast<double>(total) * 100);
    percent_shown += percent;
    line += absl::StrFormat("%d%% of %u pkts + ", percent, size.packets);
  }
  return line + absl::StrFormat("%d%% of other]\n", 100 - percent_shown);
}

}  // namespace pollux::testpmd
