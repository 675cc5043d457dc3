// SPDX-License-Identifier: Apache-2.0
// Slab: a stack of free frames that moves between a thread and the depot as a whole (pool.h).
#ifndef MEMPOOL_SLAB_H_
#define MEMPOOL_SLAB_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lcore/cache_line.h"
#include "mempool/frame_set.h"

namespace pollux::mempool {

// A header, and the frame numbers right behind it: one load leads from a thread's cache to both, and no two slabs share a line. One
// thread holds a slab at a time; it lives in memory that Depot owns.
class alignas(lcore::kCacheLineBytes) Slab {
 public:
  // `memory` has Bytes(capacity) bytes.
  static Slab* Make(std::byte* memory, uint32_t index, std::size_t capacity) {
    return new (memory) Slab(index, static_cast<uint32_t>(capacity));
  }
  static constexpr std::size_t Bytes(std::size_t capacity) {
    const std::size_t bytes = sizeof(Slab) + capacity * sizeof(FrameNumber);
    return (bytes + lcore::kCacheLinePairBytes - 1) / lcore::kCacheLinePairBytes * lcore::kCacheLinePairBytes;
  }

  // Any thread may ask; only the holder's answer is exact. SettledCount: and what the holder did to come to it happened before.
  std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  std::size_t SettledCount() const { return count_.load(std::memory_order_acquire); }
  bool empty() const { return count() == 0; }
  bool full() const { return count() == capacity_; }
  std::size_t room() const { return capacity_ - count(); }
  const FrameNumber* frames() const { return reinterpret_cast<const FrameNumber*>(this + 1); }

  // The caller keeps to count() and room().
  void Pop(FrameNumber* out, std::size_t count) {
    const std::size_t left = this->count() - count;
    Copy(out, frames() + left, count);
    count_.store(static_cast<uint32_t>(left), std::memory_order_release);
  }
  void Push(const FrameNumber* in, std::size_t count) {
    const std::size_t before = this->count();
    Copy(reinterpret_cast<FrameNumber*>(this + 1) + before, in, count);
    count_.store(static_cast<uint32_t>(before + count), std::memory_order_release);
  }

  // Its place in the depot's memory, and what lies below it on a SlabStack.
  uint32_t index() const { return index_; }
  std::atomic<uint32_t>& below() { return below_; }

 private:
  Slab(uint32_t index, uint32_t capacity) : capacity_(capacity), index_(index) {}

  // Bursts are short and mostly multiples of eight: copies of a constant size are a few vector moves, where memcpy of an unknown size is a
  // call that costs more than the copy (tests/mempool/pool_benchmark.cc).
  static void Copy(FrameNumber* out, const FrameNumber* in, std::size_t count) {
    for (; count >= 8; count -= 8, out += 8, in += 8) std::memcpy(out, in, 8 * sizeof(FrameNumber));
    if (count & 4) std::memcpy(out, in, 4 * sizeof(FrameNumber)), out += 4, in += 4;
    if (count & 2) std::memcpy(out, in, 2 * sizeof(FrameNumber)), out += 2, in += 2;
    if (count & 1) *out = *in;
  }

  std::atomic<uint32_t> count_{0};
  const uint32_t capacity_;
  const uint32_t index_;
  std::atomic<uint32_t> below_{0};
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_SLAB_H_
