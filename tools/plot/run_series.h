// SPDX-License-Identifier: Apache-2.0
// RunSeries: what a record of testpmd --record says over time (docs/testpmd.md has its format).
#ifndef TOOLS_PLOT_RUN_SERIES_H_
#define TOOLS_PLOT_RUN_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

namespace pollux::plot {

enum class RunValue {
  kRxPackets,   // a second
  kTxPackets,   // a second
  kRxBits,      // a second
  kTxBits,      // a second
  kDrops,       // a second
  kFreeFrames,  // per cent of the pool
  kBusy,        // per cent of an lcore's time
  kRound,       // microseconds that a round of an lcore with packets took, on average
};

struct RunSeries {
  // By seconds since the record began; not a number where a counter began anew, so that there is no rate.
  using Points = std::vector<std::pair<double, double>>;
  // Counters that never left zero have no series among kDrops.
  std::map<std::pair<RunValue, std::string>, Points> values;  // by value and name: "p0", "p0 tx_dropped_too_long", "lcore 1"
  std::map<std::string, uint64_t> totals;                     // at the end, of what is counted: "p0 rx_packets", "p0 tx_ring_full"
  std::size_t samples = 0;
  double seconds = 0;
  std::string cut;  // empty, or why the last line is left out
};

// INVALID_ARGUMENT: not such a record, of a version that is not known, or damaged, with the number of the line; or fewer than two samples.
absl::StatusOr<RunSeries> ReadRunSeries(std::istream& input);

}  // namespace pollux::plot

#endif  // TOOLS_PLOT_RUN_SERIES_H_
