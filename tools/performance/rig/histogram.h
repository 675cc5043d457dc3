// SPDX-License-Identifier: Apache-2.0
// A histogram of nanoseconds: buckets no wider than 1/32 of their value, from 0 to 2^64.
#ifndef TOOLS_PERFORMANCE_RIG_HISTOGRAM_H_
#define TOOLS_PERFORMANCE_RIG_HISTOGRAM_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lcore/counter.h"
#include "tools/performance/rig/traffic_format.h"

namespace pollux::performance {

// The bucket of a value, as sink.bpf.c computes it: values below 32 have one each, then 32 for every power of two.
constexpr uint32_t LatencyBucket(uint64_t value) {
  if (value < TRAFFIC_LATENCY_STEPS) return static_cast<uint32_t>(value);
  const uint32_t shift = static_cast<uint32_t>(std::bit_width(value)) - 1 - TRAFFIC_LATENCY_STEP_BITS;
  return (shift + 1) * TRAFFIC_LATENCY_STEPS + static_cast<uint32_t>((value >> shift) & (TRAFFIC_LATENCY_STEPS - 1));
}

// The largest value of a bucket.
constexpr uint64_t LatencyBucketEnd(uint32_t bucket) {
  if (bucket < TRAFFIC_LATENCY_STEPS) return bucket;
  const uint32_t shift = bucket / TRAFFIC_LATENCY_STEPS - 1;
  const uint64_t step = TRAFFIC_LATENCY_STEPS + bucket % TRAFFIC_LATENCY_STEPS;
  return ((step + 1) << shift) - 1;
}
static_assert(LatencyBucket(~0ull) < TRAFFIC_LATENCY_BUCKETS);
static_assert(LatencyBucket(LatencyBucketEnd(777)) == 777 && LatencyBucket(LatencyBucketEnd(777) + 1) == 778);

// Counts at one moment. The difference of two is what happened between them.
class Histogram {
 public:
  Histogram() : counts_(TRAFFIC_LATENCY_BUCKETS) {}
  void Add(uint32_t bucket, uint64_t count) { counts_[bucket] += count; }
  Histogram operator-(const Histogram& earlier) const {
    Histogram difference;
    for (size_t i = 0; i < counts_.size(); ++i) difference.counts_[i] = counts_[i] - earlier.counts_[i];
    return difference;
  }
  void Merge(const Histogram& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  uint64_t count() const {
    uint64_t sum = 0;
    for (uint64_t count : counts_) sum += count;
    return sum;
  }
  // The end of the bucket that holds the value which `share` (0 to 1) of all do not exceed; 0 if there is none.
  uint64_t Percentile(double share) const {
    const uint64_t total = count();
    uint64_t seen = 0;
    for (uint32_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > 0 && static_cast<double>(seen) >= share * static_cast<double>(total)) return LatencyBucketEnd(i);
    }
    return 0;
  }
  uint64_t Maximum() const { return Percentile(1); }
  // How many exceed `value`, to the bucket.
  uint64_t CountAbove(uint64_t value) const {
    uint64_t sum = 0;
    for (uint32_t i = LatencyBucket(value) + 1; i < counts_.size(); ++i) sum += counts_[i];
    return sum;
  }

 private:
  std::vector<uint64_t> counts_;
};

// The same while it grows: one thread adds, any thread reads.
class HistogramCounter {
 public:
  void Add(uint64_t value) { counts_[LatencyBucket(value)].Add(1); }
  Histogram Read() const {
    Histogram histogram;
    for (uint32_t i = 0; i < counts_.size(); ++i) histogram.Add(i, counts_[i].value());
    return histogram;
  }

 private:
  std::array<lcore::Counter, TRAFFIC_LATENCY_BUCKETS> counts_;
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_HISTOGRAM_H_
