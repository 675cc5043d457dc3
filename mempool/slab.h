// SPDX-License-Identifier: Apache-2.0
// Slab: a stack of free frames that moves between a thread and the depot as a whole (pool.h).
#ifndef MEMPOOL_SLAB_H_
#define MEMPOOL_SLAB_H_

#include <cstddef>
#include <cstring>
#include <memory>

#include "mempool/frame_set.h"

namespace pollux::mempool {

class Slab {
 public:
  explicit Slab(std::size_t capacity) : capacity_(capacity), frames_(new FrameNumber[capacity]) {}

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == capacity_; }
  std::size_t count() const { return count_; }
  std::size_t room() const { return capacity_ - count_; }
  const FrameNumber* frames() const { return frames_.get(); }

  // The caller keeps to count() and room().
  void Pop(FrameNumber* out, std::size_t count) {
    count_ -= count;
    std::memcpy(out, frames_.get() + count_, count * sizeof(FrameNumber));
  }
  void Push(const FrameNumber* in, std::size_t count) {
    std::memcpy(frames_.get() + count_, in, count * sizeof(FrameNumber));
    count_ += count;
  }

 private:
  std::size_t count_ = 0;
  const std::size_t capacity_;
  const std::unique_ptr<FrameNumber[]> frames_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_SLAB_H_
