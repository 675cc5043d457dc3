// SPDX-License-Identifier: Apache-2.0
#include "mempool/depot.h"

#include <cstdio>
#include <cstdlib>

namespace pollux::mempool {

Depot::Depot(std::size_t frame_count, std::size_t slab_frames, std::size_t caches)
    : count_((frame_count + slab_frames - 1) / slab_frames + 3 * caches + 1),
      memory_(new (std::align_val_t{lcore::kCacheLinePairBytes}) std::byte[count_ * Slab::Bytes(slab_frames)]),
      slabs_{memory_.get(), Slab::Bytes(slab_frames)} {
  for (std::size_t index = 0; index < count_; ++index) Slab::Make(slabs_.base + index * slabs_.stride, index, slab_frames);
  // Highest numbers first, so that the first frames taken are the region's first.
  uint32_t made = 0;
  for (std::size_t next = frame_count; next > 0;) {
    Slab* const slab = slabs_.At(made++);
    while (next > 0 && !slab->full()) {
      const auto frame = static_cast<FrameNumber>(--next);
      slab->Push(&frame, 1);
    }
    Return(slab);
  }
  made_.store(made, std::memory_order_release);
}

Slab* Depot::TakeFilled() {
  Slab* slab = filled_.stack.Pop(slabs_);
  if (slab == nullptr) slab = partial_.stack.Pop(slabs_);
  if (slab != nullptr) filled_.frames.fetch_sub(static_cast<int64_t>(slab->count()), std::memory_order_relaxed);
  return slab;
}

Slab* Depot::TakePartial() {
  Slab* const slab = partial_.stack.Pop(slabs_);
  if (slab == nullptr) return TakeEmpty();
  filled_.frames.fetch_sub(static_cast<int64_t>(slab->count()), std::memory_order_relaxed);
  return slab;
}

Slab* Depot::TakeEmpty() {
  if (Slab* const slab = empty_.stack.Pop(slabs_)) return slab;
  uint32_t next = made_.load(std::memory_order_relaxed);
  while (next < count_) {
    if (made_.compare_exchange_weak(next, next + 1, std::memory_order_acq_rel)) return slabs_.At(next);
  }
  std::fputs("pollux: a pool got more frames back than it has: one was freed twice, or is not the pool's\n", stderr);
  std::abort();
}

void Depot::Return(Slab* slab) {
  if (slab->empty()) return empty_.stack.Push(slab);
  filled_.frames.fetch_add(static_cast<int64_t>(slab->count()), std::memory_order_relaxed);
  (slab->full() ? filled_ : partial_).stack.Push(slab);
}

}  // namespace pollux::mempool
