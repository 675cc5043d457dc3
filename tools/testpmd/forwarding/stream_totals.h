// SPDX-License-Identifier: Apache-2.0
// StreamTotals: the counters of a stream at one moment, as plain numbers.
#ifndef TOOLS_TESTPMD_FORWARDING_STREAM_TOTALS_H_
#define TOOLS_TESTPMD_FORWARDING_STREAM_TOTALS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include <absl/strings/string_view.h>

#include "tools/testpmd/engines/stream.h"
#include "tools/testpmd/forwarding/stream_map.h"

namespace pollux::testpmd {

using BurstTotals = std::array<uint64_t, mempool::kMaximumBurst + 1>;

struct StreamTotals {
  StreamEnds ends;
  std::array<uint64_t, std::size(kStreamCounters)> counters{};  // in the order of kStreamCounters
  uint64_t busy_cycles = 0;
  uint64_t receive_cycles = 0;
  uint64_t send_cycles = 0;
  BurstTotals rx_bursts{};
  BurstTotals tx_bursts{};

  // `name` as in kStreamCounters; 0 if there is none of this name.
  uint64_t Value(absl::string_view name) const;
  // In, minus out, dropped and consumed: what the engine still holds. Negative: more came out than went in.
  int64_t Held() const;

  StreamTotals& operator-=(const StreamTotals& other);
};

StreamTotals TotalsOf(const Stream& stream);

// DPDK's line "  RX-bursts : 484313 [0% of 0 pkts + 100% of 32 pkts]\n": the share of empty bursts, of the two commonest sizes, and of
// the others. Empty if there was no burst.
std::string FormatBursts(absl::string_view direction, const BurstTotals& bursts);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_STREAM_TOTALS_H_
