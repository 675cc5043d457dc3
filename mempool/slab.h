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

  // Any thread may ask; only the holder's answer is exact.
  std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  bool empty() const { return count() == 0; }
  bool full() const { return count() == capacity_; }
  std::size_t room() const { return capacity_ - count(); }
  const FrameNumber* frames() const { return frames_.get(); }

  // The caller keeps to count() and room().
  void Pop(FrameNumber* out, std::size_t count) {
    const std::size_t left = this->count() - count;
    std::memcpy(out, frames_.get() + left, count * sizeof(FrameNumber));
    count_.store(left, std::memory_order_relaxed);
  }
  void Push(const FrameNumber* in, std::size_t count) {
    const std::size_t before = this->count();
    std::memcpy(frames_.get() + before, in, count * sizeof(FrameNumber));
    count_.store(before + count, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::size_t> count_{0};
  const std::size_t capacity_;
  const std::unique_ptr<FrameNumber[]> frames_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_SLAB_H_
