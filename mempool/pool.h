// SPDX-License-Identifier: Apache-2.0
// Pool: the free frames of a Region.
//
//     Region   | frame 0 | frame 1 | frame 2 | ...          each: headroom (>= 256 B), packet, tailroom
//
//     Depot    [full slab] [full slab] ...   [empty slab] ...        shared; two atomic exchanges for a whole slab
//                  |  ^                          |  ^
//     Cache     loaded slab, spare slab       loaded slab, spare slab   one pair for every thread
//                  |  ^                          |  ^
//               Get  Put                      Get  Put                  no lock, no atomic operation
//
// A slab is an array of frame numbers. A thread takes from and returns to its loaded slab; when that runs empty (full) it swaps it
// with its spare, and only when that does not help either it exchanges one whole slab with the depot. So a core that only gets
// and another that only puts (rx here, completions there) meet once a slab, and no core bounces between two slabs.
// (J. Bonwick, J. Adams: Magazines and Vmem, USENIX 2001.)
#ifndef MEMPOOL_POOL_H_
#define MEMPOOL_POOL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include "lcore/cache_line.h"
#include "mempool/depot.h"
#include "mempool/frame_set.h"
#include "mempool/packet.h"
#include "mempool/region.h"
#include "mempool/slab.h"
#include "mempool/thread_slot.h"

namespace pollux::mempool {

inline constexpr std::size_t kMinimumHeadroom = 256;    // XDP_PACKET_HEADROOM, which the kernel keeps before every packet it receives
inline constexpr std::size_t kMaximumPools = 64;        // alive in one process
inline constexpr std::size_t kMaximumFrames = 1 << 24;  // of a pool: 32 GiB of 2 KiB frames

struct PoolOptions {
  std::size_t frame_count = 32768;
  std::size_t frame_size = 2048;            // power of two, 2048 or 4096 (AF_XDP: at most a page)
  std::size_t headroom = kMinimumHeadroom;  // bytes before a packet, all of it the application's; 256 .. frame_size - 256
  std::size_t slab_frames = 256;            // frames that move between a thread and the depot at once; a thread keeps up to two slabs
  // A frame that is returned while it is free ends the process, with its number. Costs a byte a frame, and two atomic operations for each
  // move. Not given: on in builds with a sanitizer or without optimisation (-c dbg). Else FrameAudit finds such frames, afterwards.
  std::optional<bool> checks_frees;
};

// Checks the limits above and returns the bytes of Region that the frames need; INVALID_ARGUMENT names the option and the limit.
absl::StatusOr<std::size_t> RegionBytes(const PoolOptions& options);

// Any thread may call any member, at any time; the pool must outlive its last frame, and so outlives its ports (a port holds
// a shared_ptr, and so should whoever keeps packets longer than their port). Get, Put, Allocate, Free and GiveBack neither lock nor
// allocate nor wait. The exception: where more than ThreadSlot::kMaximum threads use pools, the others share one cache under a lock, until
// a thread with one of its own exits.
class Pool {
 public:
  // The region may be larger than the frames need. Errors: INVALID_ARGUMENT, RESOURCE_EXHAUSTED (kMaximumPools are alive).
  static absl::StatusOr<std::shared_ptr<Pool>> Create(std::shared_ptr<const Region> region, const PoolOptions& options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Takes up to frames.size() free frames; returns how many. Fewer than asked: the depot is empty (other threads may still cache up to
  // two slabs each; from now on they hand them over in GiveBack). The first call of a thread makes its cache.
  std::size_t Get(std::span<FrameNumber> frames) {
    Slab* const slab = LoadedSlab();
    if (slab == nullptr || slab->count() < frames.size()) [[unlikely]]
      return GetAcrossSlabs(frames);
    slab->Pop(frames.data(), frames.size());
    return frames.size();
  }
  // Returns frames; the caller owned them.
  void Put(std::span<const FrameNumber> frames) {
    Slab* const slab = LoadedSlab();
    if (slab == nullptr || slab->room() < frames.size()) [[unlikely]]
      return PutAcrossSlabs(frames);
    slab->Push(frames.data(), frames.size());
  }

  // The same, as packets of length 0 that start behind the headroom.
  std::size_t Allocate(std::span<Packet> packets);
  // Frees packets of any pools, in any mix.
  static void Free(std::span<const Packet> packets);

  // Hands this thread's cached frames back to the depot. A thread's exit does it by itself; a thread that will not use the pool for long
  // does it before.
  void FlushThisThread();
  // The same if somebody found the depot empty since the last time: for a thread that has nothing to do just now. One load if not.
  void GiveBack() {
    if (wants_frames_.load(std::memory_order_relaxed)) [[unlikely]]
      GiveBackCache();
  }

  // The pool with this id, which must be alive.
  static Pool& FromId(uint16_t id);
  uint16_t id() const { return id_; }

  const Region& region() const { return *region_; }
  const std::shared_ptr<const Region>& shared_region() const { return region_; }
  std::size_t frame_count() const { return options_.frame_count; }
  std::size_t frame_size() const { return options_.frame_size; }
  std::size_t headroom() const { return options_.headroom; }
  // The longest packet that fits behind the headroom.
  std::size_t maximum_length() const { return options_.frame_size - options_.headroom; }

  // True if the packet's first byte lies in a frame of this pool.
  bool Owns(const Packet& packet) const { return Offset(packet.data) < bytes_; }
  uint64_t Offset(const std::byte* address) const { return static_cast<uint64_t>(address - base_); }
  FrameNumber FrameOf(const Packet& packet) const { return static_cast<FrameNumber>(Offset(packet.data) >> frame_shift_); }
  std::byte* FrameStart(FrameNumber frame) const { return base_ + (static_cast<std::size_t>(frame) << frame_shift_); }
  unsigned frame_shift() const { return frame_shift_; }

  // Bytes before and behind the packet, in its frame.
  std::size_t Headroom(const Packet& packet) const { return Offset(packet.data) & (frame_size() - 1); }
  std::size_t Tailroom(const Packet& packet) const { return frame_size() - Headroom(packet) - packet.length; }

  // Free frames now: in the depot and in all caches. Exact only while no other thread gets or puts. If nobody gets any
  // more, frame_count() means that nobody holds a frame, and that all that the last holders did happened before. Delays no other thread.
  std::size_t FreeCount() const;
  // Those of them that any thread can get; one load, and a moment old.
  std::size_t DepotCount() const { return depot_.frames(); }
  // Adds every free frame to `set`; returns the frames met twice (freed twice: a bug of some holder). Needs quiet threads.
  std::vector<FrameNumber> CollectFree(FrameSet& set) const;

 private:
  struct alignas(lcore::kCacheLinePairBytes) Cache {
    Slab* loaded = nullptr;
    Slab* spare = nullptr;
  };
  class FreeCheck;

  Pool(std::shared_ptr<const Region> region, const PoolOptions& options, uint16_t id);
  // This thread's; null if it has none yet, shares one, or every free is checked.
  Slab* LoadedSlab() const {
    const int slot = ThreadSlot::Current();
    return slot >= 0 ? caches_[slot].loaded : nullptr;
  }
  Cache& CacheOf(int slot) const;
  std::size_t GetAcrossSlabs(std::span<FrameNumber> frames);
  void PutAcrossSlabs(std::span<const FrameNumber> frames);
  template <typename Operation>
  std::size_t WithCache(Operation operation);
  std::size_t GetFrom(Cache& cache, std::span<FrameNumber> frames);
  void PutInto(Cache& cache, std::span<const FrameNumber> frames);
  void MakeCache(Cache& cache);
  bool LoadFull(Cache& cache);   // makes cache.loaded hold a frame; false: none free
  void LoadEmpty(Cache& cache);  // makes cache.loaded have room
  void Flush(Cache& cache);
  void GiveBackCache();

  friend class ThreadSlot;
  static void FlushSlotEverywhere(unsigned slot);  // at a thread's exit

  const std::shared_ptr<const Region> region_;
  const PoolOptions options_;
  std::byte* const base_;
  const std::size_t bytes_;
  const unsigned frame_shift_;
  const uint16_t id_;
  const std::unique_ptr<FreeCheck> check_;  // null: frees are not checked
  const std::unique_ptr<Cache[]> caches_;   // by ThreadSlot; in the first half for Get and Put above, or, with check_, in the second half
  std::atomic<bool> wants_frames_{false};   // somebody found the depot empty

  Depot depot_;

  mutable std::mutex shared_cache_mutex_;
  Cache shared_cache_;  // of the threads without a slot
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_POOL_H_
