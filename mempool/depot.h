// SPDX-License-Identifier: Apache-2.0
// Depot: the slabs of a pool that no thread holds.
//
//     filled     full slabs                     a thread that needs frames takes one; else one of these:
//     partial    slabs with a few frames        left by threads that gave their caches back
//     empty      and memory for more            a thread that returns frames takes one
//
// Three stacks without a lock. There is always an empty slab for a thread that has frames to put into it. Let each of the H caches hold up
// to two slabs (three, for as long as it exchanges one), and let the depot have F + 3 H + 1 of them, where F hold all frames. A slab
// becomes partial in the depot only when a cache gives it back, and a new cache takes partial slabs first; so there are at most as many of
// them as slabs are missing in the caches, 2 H together. Were none empty, more than F would be full: more frames than there are.
#ifndef MEMPOOL_DEPOT_H_
#define MEMPOOL_DEPOT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "lcore/cache_line.h"
#include "mempool/slab.h"
#include "mempool/slab_stack.h"

namespace pollux::mempool {

// Any thread; nothing here locks, waits or allocates.
class Depot {
 public:
  // Holds the frames 0 .. frame_count-1, for up to `caches` caches.
  Depot(std::size_t frame_count, std::size_t slab_frames, std::size_t caches);

  // A slab with a frame at least, full ones first; null: the depot has none.
  Slab* TakeFilled();
  // For a new cache: one with some frames, or an empty one.
  Slab* TakePartial();
  // Ends the process if there is none: then frames were returned that are not the pool's, or were returned twice.
  Slab* TakeEmpty();
  void Return(Slab* slab);

  bool empty() const { return filled_.stack.empty() && partial_.stack.empty(); }
  // Frames in the depot, a moment ago: those in caches are not among them.
  std::size_t frames() const {
    const int64_t frames = filled_.frames.load(std::memory_order_relaxed);
    return frames > 0 ? static_cast<std::size_t>(frames) : 0;
  }

  // Every slab that is in use, whoever holds it.
  template <typename Visit>
  void ForEach(Visit visit) const {
    const uint32_t made = made_.load(std::memory_order_acquire);
    for (uint32_t index = 0; index < made; ++index) visit(static_cast<const Slab&>(*slabs_.At(index)));
  }

 private:
  struct Release {
    void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{lcore::kCacheLinePairBytes}); }
  };
  struct alignas(lcore::kCacheLinePairBytes) Shelf {
    SlabStack stack;
    std::atomic<int64_t> frames{0};  // of filled_: those of filled_ and partial_
  };

  const std::size_t count_;  // slabs
  const std::unique_ptr<std::byte[], Release> memory_;
  const SlabArray slabs_;
  std::atomic<uint32_t> made_{0};  // those below have been in use; the others are empty
  Shelf filled_;
  Shelf partial_;
  Shelf empty_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_DEPOT_H_
