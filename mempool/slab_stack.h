// SPDX-License-Identifier: Apache-2.0
// SlabStack: slabs that nobody holds, for any thread to take or add one without a lock.
//
//     head_   | tag: 38 bits | top: 26 bits |      top: 1 + index of the uppermost slab, 0: none
//                                 |
//                               slab -- below() --> slab -- below() --> 0
//
// R. K. Treiber's stack. Between a taker's look at below() and its exchange of head_ others may take the slab, and others still put it back
// on top of another: the tag, which every exchange counts up, has changed then, and the exchange fails. It comes back to where it was after
// 2^38 exchanges, hours of them between two instructions of one thread. Slabs are never given back to the system, so that such a look is
// always at a slab.
#ifndef MEMPOOL_SLAB_STACK_H_
#define MEMPOOL_SLAB_STACK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "mempool/slab.h"

namespace pollux::mempool {

// Where the slabs of a stack are: number i at base + i * stride.
struct SlabArray {
  std::byte* base = nullptr;
  std::size_t stride = 0;

  Slab* At(std::size_t index) const { return reinterpret_cast<Slab*>(base + index * stride); }
};

// Any thread. Who takes a slab sees all that was done to it before it was pushed.
class SlabStack {
 public:
  static constexpr uint32_t kMaximumSlabs = (1u << 26) - 1;

  void Push(Slab* slab) {
    uint64_t head = head_.load(std::memory_order_relaxed);
    do {
      slab->below().store(Top(head), std::memory_order_relaxed);
    } while (!head_.compare_exchange_weak(head, Next(head, slab->index() + 1), std::memory_order_release, std::memory_order_relaxed));
  }

  // Null: there was none.
  Slab* Pop(const SlabArray& slabs) {
    uint64_t head = head_.load(std::memory_order_acquire);
    while (Top(head) != 0) {
      Slab* const slab = slabs.At(Top(head) - 1);
      const uint32_t below = slab->below().load(std::memory_order_relaxed);
      if (head_.compare_exchange_weak(head, Next(head, below), std::memory_order_acquire)) return slab;
    }
    return nullptr;
  }

  bool empty() const { return Top(head_.load(std::memory_order_relaxed)) == 0; }

 private:
  static uint32_t Top(uint64_t head) { return static_cast<uint32_t>(head & kMaximumSlabs); }
  static uint64_t Next(uint64_t head, uint32_t top) { return ((head | kMaximumSlabs) + 1) | top; }

  std::atomic<uint64_t> head_{0};
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_SLAB_STACK_H_
