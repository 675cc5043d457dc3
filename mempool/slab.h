// SPDX-License-Identifier: Apache-2.0
// Slab: a stack of free frames that moves between a thread and the depot as a whole (pool.h).
#ifndef MEMPOOL_SLAB_H_
#define MEMPOOL_SLAB_H_

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>

#include "mempool/frame_set.h"

namespace pollux::mempool {

class Slab {
 public:
  explicit Slab(std::size_t capacity) : capacity_(capacity), frames_(new FrameNumber[capacity]) {}

  // Any thread may ask; only the holder's answer is exact. SettledCount: and what the holder did to come to it happened before.
  std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  std::size_t SettledCount() const { return count_.load(std::memory_order_acquire); }
  bool empty() const { return count() == 0; }
  bool full() const { return count() == capacity_; }
  std::size_t room() const { return capacity_ - count(); }
  const FrameNumber* frames() const { return frames_.get(); }

  // The caller keeps to count() and room().
  void Pop(FrameNumber* out, std::size_t count) {
    const std::size_t left = this->count() - count;
    Copy(out, frames_.get() + left, count);
    count_.store(left, std::memory_order_release);
  }
  void Push(const FrameNumber* in, std::size_t count) {
    const std::size_t before = this->count();
    Copy(frames_.get() + before, in, count);
    count_.store(before + count, std::memory_order_release);
  }

 private:
  // Bursts are short and mostly multiples of eight: copies of a constant size are a few vector moves, where memcpy of an unknown size is a
  // call that costs more than the copy (tests/mempool/pool_benchmark.cc).
  static void Copy(FrameNumber* out, const FrameNumber* in, std::size_t count) {
    for (; count >= 8; count -= 8, out += 8, in += 8) std::memcpy(out, in, 8 * sizeof(FrameNumber));
    if (count & 4) std::memcpy(out, in, 4 * sizeof(FrameNumber)), out += 4, in += 4;
    if (count & 2) std::memcpy(out, in, 2 * sizeof(FrameNumber)), out += 2, in += 2;
    if (count & 1) *out = *in;
  }

  std::atomic<std::size_t> count_{0};
  const std::size_t capacity_;
  const std::unique_ptr<FrameNumber[]> frames_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_SLAB_H_
