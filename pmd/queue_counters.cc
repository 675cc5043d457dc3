// SPDX-License-Identifier: Apache-2.0
#include "pmd/queue_counters.h"

namespace pollux::pmd {

void QueueCounters::AddTo(QueueStats& stats) const {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].total != nullptr) stats.*rows_[row].total += SinceReset(row);
  }
}

void QueueCounters::AppendTo(const std::string& prefix, std::vector<NamedCounter>& list) const {
  for (std::size_t row = 0; row < rows_.size(); ++row) list.push_back({prefix + rows_[row].name, SinceReset(row)});
}

void QueueCounters::Reset() {
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].total != &QueueStats::tx_pending) base_[row].store(counters_[row].value(), std::memory_order_relaxed);
  }
}

}  // namespace pollux::pmd
