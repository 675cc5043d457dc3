// SPDX-License-Identifier: Apache-2.0
// QueueCounters: the counters of one direction of one queue, each with its name and the total it belongs to.
#ifndef PMD_QUEUE_COUNTERS_H_
#define PMD_QUEUE_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lcore/counter.h"
#include "pmd/device_stats.h"

namespace pollux::pmd {

// A row of a driver's counter table. Every cause of a loss is a row of its own; rows of one total add up.
struct CounterRow {
  const char* name;                       // "packets"; shown as "rx_q0_packets"
  uint64_t QueueStats::*total = nullptr;  // null: shown by name only
};

// A driver's table of them, which outlives the counters; a longer one than there is room for does not compile.
class CounterRows {
 public:
  static constexpr std::size_t kMost = 8;

  template <std::size_t count>
  constexpr CounterRows(const CounterRow (&rows)[count]) : rows_(rows) {  // NOLINT(google-explicit-constructor)
    static_assert(count <= kMost, "raise kMost");
  }
  std::span<const CounterRow> rows() const { return rows_; }

 private:
  std::span<const CounterRow> rows_;
};

// The queue's thread calls Add; any thread the rest. Reset only remembers: nobody but the queue's thread writes its counters. A row of
// tx_pending is a level, not a count: it is lowered by adding a negative amount, and Reset leaves it as it is.
class QueueCounters {
 public:
  explicit QueueCounters(CounterRows rows) : rows_(rows.rows()) {}

  void Add(std::size_t row, int64_t amount) { counters_[row].Add(static_cast<uint64_t>(amount)); }

  // Since the last Reset.
  void AddTo(QueueStats& stats) const;
  void AppendTo(const std::string& prefix, std::vector<NamedCounter>& list) const;
  void Reset();

 private:
  uint64_t SinceReset(std::size_t row) const { return counters_[row].value() - base_[row].load(std::memory_order_relaxed); }

  const std::span<const CounterRow> rows_;
  std::array<lcore::Counter, CounterRows::kMost> counters_;
  std::array<std::atomic<uint64_t>, CounterRows::kMost> base_{};
};

}  // namespace pollux::pmd

#endif  // PMD_QUEUE_COUNTERS_H_
