// SPDX-License-Identifier: Apache-2.0
// WakeHistogram: how long packets waited for a thread that slept, by powers of two.
#ifndef LCORE_WAKE_HISTOGRAM_H_
#define LCORE_WAKE_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "lcore/cache_line.h"
#include "lcore/counter.h"

namespace pollux::lcore {

// One writer, the thread that slept; anybody reads, and finds each counter whole, though the sum may be a wake ahead of the counts.
class alignas(kCacheLineBytes) WakeHistogram {
 public:
  static constexpr unsigned kShortestBits = 10;  // the first bucket: 1024 ns and less
  static constexpr std::size_t kBuckets = 17;    // the last one: more than 2^25 ns, 34 ms
  static constexpr uint64_t kEndless = std::numeric_limits<uint64_t>::max();

  static constexpr std::size_t BucketOf(uint64_t nanoseconds) {
    const auto bits = static_cast<unsigned>(std::bit_width(nanoseconds == 0 ? 0 : nanoseconds - 1));
    return std::min<std::size_t>(bits <= kShortestBits ? 0 : bits - kShortestBits, kBuckets - 1);
  }
  // The longest wake of the bucket, in nanoseconds.
  static constexpr uint64_t LongestOf(std::size_t bucket) {
    return bucket + 1 < kBuckets ? uint64_t{1} << (kShortestBits + bucket) : kEndless;
  }

  void Add(uint64_t nanoseconds) {
    buckets_[BucketOf(nanoseconds)].Add(1);
    sum_ns_.Add(nanoseconds);
  }
  // A wake by a packet of which nobody can say when it came.
  void AddUnmeasured() { unmeasured_.Add(1); }

  uint64_t count(std::size_t bucket) const { return buckets_[bucket].value(); }
  uint64_t sum_ns() const { return sum_ns_.value(); }
  uint64_t unmeasured() const { return unmeasured_.value(); }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_ns_;
  Counter unmeasured_;
};

}  // namespace pollux::lcore

#endif  // LCORE_WAKE_HISTOGRAM_H_
