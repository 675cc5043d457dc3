// SPDX-License-Identifier: Apache-2.0
#include "mempool/pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>

#include <absl/strings/str_cat.h>

#include "mempool/node_memory.h"

namespace pollux::mempool {
namespace {

constexpr std::size_t kMinimumRoom = 256;  // bytes that headroom must leave to the packet
constexpr std::size_t kMaximumSlabFrames = 4096;
constexpr std::size_t kChunk = 64;  // frame numbers converted at a time
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr bool kChecksFrees = true;
#else
constexpr bool kChecksFrees = false;
#endif

constinit std::mutex pools_mutex;
constinit std::array<std::atomic<Pool*>, kMaximumPools> pools{};

absl::Status CheckRange(const char* option, std::size_t value, std::size_t minimum, std::size_t maximum) {
  if (value >= minimum && value <= maximum) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("pool: ", option, "=", value, " is outside ", minimum, "..", maximum));
}

}  // namespace

absl::StatusOr<std::size_t> RegionBytes(const PoolOptions& options) {
  if (options.frame_size != 2048 && options.frame_size != 4096) {
    return absl::InvalidArgumentError(absl::StrCat("pool: frame_size=", options.frame_size,
                                                   " is neither 2048 nor 4096; AF_XDP takes a power of two from 2048 to a page"));
  }
  if (auto status = CheckRange("frame_count", options.frame_count, 1, kMaximumFrames); !status.ok()) return status;
  if (auto status = CheckRange("headroom", options.headroom, kMinimumHeadroom, options.frame_size - kMinimumRoom); !status.ok())
    return status;
  if (auto status = CheckRange("slab_frames", options.slab_frames, 1, kMaximumSlabFrames); !status.ok()) return status;
  return options.frame_count * options.frame_size;
}

absl::StatusOr<std::shared_ptr<Pool>> Pool::Create(std::shared_ptr<const Region> region, const PoolOptions& options) {
  const auto bytes = RegionBytes(options);
  if (!bytes.ok()) return bytes.status();
  if (region->size() < *bytes) {
    return absl::InvalidArgumentError(absl::StrCat("pool: ", options.frame_count, " frames of ", options.frame_size,
                                                   " bytes need a region of ", *bytes, " bytes; this one has ", region->size()));
  }
  const std::lock_guard lock(pools_mutex);
  for (std::size_t id = 0; id < pools.size(); ++id) {
    if (pools[id].load(std::memory_order_relaxed) != nullptr) continue;
    const PreferNode near_frames(region->report().node);
    std::shared_ptr<Pool> pool(new Pool(std::move(region), options, static_cast<uint16_t>(id)));
    pools[id].store(pool.get(), std::memory_order_release);
    return pool;
  }
  return absl::ResourceExhaustedError(absl::StrCat("pool: ", kMaximumPools, " pools are alive already, the most that a process can have"));
}

// Which frames are out: a byte for each.
class Pool::FreeCheck {
 public:
  explicit FreeCheck(const Pool& pool) : pool_(pool), out_(new std::atomic<uint8_t>[pool.frame_count()]()) {}

  void Got(std::span<const FrameNumber> frames) {
    for (const FrameNumber frame : frames) {
      if (frame >= pool_.frame_count() || out_[frame].exchange(1, std::memory_order_relaxed) != 0) Fail(frame, "was free and out at once");
    }
  }
  void Returned(std::span<const FrameNumber> frames) {
    for (const FrameNumber frame : frames) {
      if (frame >= pool_.frame_count()) Fail(frame, "is not one of its frames, and was freed");
      if (out_[frame].exchange(0, std::memory_order_relaxed) == 0) Fail(frame, "was freed while it was free");
    }
  }

 private:
  [[noreturn]] void Fail(FrameNumber frame, const char* what) {
    std::fprintf(stderr, "pollux: pool %u of %zu frames: frame %u %s\n", pool_.id(), pool_.frame_count(), frame, what);
    std::abort();
  }

  const Pool& pool_;
  const std::unique_ptr<std::atomic<uint8_t>[]> out_;
};

Pool::Pool(std::shared_ptr<const Region> region, const PoolOptions& options, uint16_t id)
    : region_(std::move(region)),
      options_(options),
      base_(region_->base()),
      bytes_(options.frame_count * options.frame_size),
      frame_shift_(static_cast<unsigned>(std::countr_zero(options.frame_size))),
      id_(id),
      check_(options.checks_frees.value_or(kChecksFrees) ? new FreeCheck(*this) : nullptr),
      caches_(new Cache[2 * ThreadSlot::kMaximum]),
      depot_(options.frame_count, options.slab_frames, ThreadSlot::kMaximum + 1) {}

Pool::~Pool() {
  const std::lock_guard lock(pools_mutex);
  pools[id_].store(nullptr, std::memory_order_release);
}

Pool& Pool::FromId(uint16_t id) {
  return *pools[id].load(std::memory_order_acquire);
}

// --- Get, Put: what pool.h leaves ------------------------------------------------------------------------------------------------

Pool::Cache& Pool::CacheOf(int slot) const {
  return caches_[check_ == nullptr ? slot : ThreadSlot::kMaximum + slot];
}

template <typename Operation>
std::size_t Pool::WithCache(Operation operation) {
  int slot = ThreadSlot::Current();
  if (slot < 0) slot = ThreadSlot::AskAgain();
  if (slot >= 0) [[likely]] {
    Cache& cache = CacheOf(slot);
    if (cache.loaded == nullptr) [[unlikely]]
      MakeCache(cache);
    return operation(cache);
  }
  const std::lock_guard lock(shared_cache_mutex_);
  if (shared_cache_.loaded == nullptr) MakeCache(shared_cache_);
  return operation(shared_cache_);
}

std::size_t Pool::GetAcrossSlabs(std::span<FrameNumber> frames) {
  const std::size_t got = WithCache([&](Cache& cache) { return GetFrom(cache, frames); });
  if (check_ != nullptr) check_->Got(frames.first(got));
  return got;
}

// The last touch of the pool is the Push that makes its last frame free: from then on another thread may let it go (FreeCount).
void Pool::PutAcrossSlabs(std::span<const FrameNumber> frames) {
  if (check_ != nullptr) check_->Returned(frames);
  WithCache([&](Cache& cache) {
    PutInto(cache, frames);
    return frames.size();
  });
}

std::size_t Pool::GetFrom(Cache& cache, std::span<FrameNumber> frames) {
  std::size_t got = 0;
  while (got < frames.size()) {
    if (cache.loaded->empty() && !LoadFull(cache)) break;
    const std::size_t count = std::min(frames.size() - got, cache.loaded->count());
    cache.loaded->Pop(frames.data() + got, count);
    got += count;
  }
  return got;
}

void Pool::PutInto(Cache& cache, std::span<const FrameNumber> frames) {
  while (!frames.empty()) {
    if (cache.loaded->full()) LoadEmpty(cache);
    const std::size_t count = std::min(frames.size(), cache.loaded->room());
    cache.loaded->Push(frames.data(), count);
    frames = frames.subspan(count);
  }
}

bool Pool::LoadFull(Cache& cache) {
  if (!cache.spare->empty()) {
    std::swap(cache.loaded, cache.spare);
    return true;
  }
  Slab* const slab = depot_.TakeFilled();
  if (slab == nullptr) {
    if (!wants_frames_.load(std::memory_order_relaxed)) wants_frames_.store(true, std::memory_order_relaxed);
    return false;
  }
  depot_.Return(cache.loaded);
  cache.loaded = slab;
  return true;
}

void Pool::LoadEmpty(Cache& cache) {
  if (!cache.spare->full()) {
    std::swap(cache.loaded, cache.spare);
    return;
  }
  depot_.Return(cache.loaded);
  cache.loaded = depot_.TakeEmpty();
}

std::size_t Pool::Allocate(std::span<Packet> packets) {
  std::array<FrameNumber, kChunk> frames;
  std::size_t done = 0;
  while (done < packets.size()) {
    const std::size_t wanted = std::min(kChunk, packets.size() - done);
    const std::size_t got = Get({frames.data(), wanted});
    for (std::size_t index = 0; index < got; ++index) {
      packets[done + index] = {.data = FrameStart(frames[index]) + options_.headroom, .length = 0, .pool = id_};
    }
    done += got;
    if (got < wanted) break;
  }
  return done;
}

void Pool::Free(std::span<const Packet> packets) {
  std::array<FrameNumber, kChunk> frames;
  for (std::size_t next = 0; next < packets.size();) {
    Pool& pool = FromId(packets[next].pool);
    std::size_t count = 0;
    while (count < kChunk && next < packets.size() && packets[next].pool == pool.id_) frames[count++] = pool.FrameOf(packets[next++]);
    pool.Put({frames.data(), count});
  }
}

// --- Caches come and go: the control path -----------------------------------------------------------------------------------

void Pool::MakeCache(Cache& cache) {
  cache.spare = depot_.TakePartial();
  cache.loaded = depot_.TakePartial();
}

void Pool::Flush(Cache& cache) {
  if (cache.loaded == nullptr) return;
  depot_.Return(cache.loaded);
  depot_.Return(cache.spare);
  cache = {};
}

void Pool::FlushThisThread() {
  if (const int slot = ThreadSlot::Current(); slot >= 0) return Flush(CacheOf(slot));
  const std::lock_guard lock(shared_cache_mutex_);
  Flush(shared_cache_);
}

void Pool::GiveBackCache() {
  const int slot = ThreadSlot::Current();
  if (slot < 0) return;
  Cache& cache = CacheOf(slot);
  if (cache.loaded == nullptr || (cache.loaded->empty() && cache.spare->empty())) return;
  Flush(cache);
  wants_frames_.store(false, std::memory_order_relaxed);  // who still lacks frames will say so again
}

void Pool::FlushSlotEverywhere(unsigned slot) {
  const std::lock_guard lock(pools_mutex);
  for (auto& entry : pools) {
    if (Pool* pool = entry.load(std::memory_order_relaxed)) pool->Flush(pool->CacheOf(static_cast<int>(slot)));
  }
}

// --- Counting ---------------------------------------------------------------------------------------------------------------

// Frames move from slab to slab only through a Get: without one no frame is counted twice, and none is before it is free.
std::size_t Pool::FreeCount() const {
  std::size_t count = 0;
  depot_.ForEach([&](const Slab& slab) { count += slab.SettledCount(); });
  // Who finds all frames free may let the pool go: no thread is inside the shared cache any more.
  const std::lock_guard lock(shared_cache_mutex_);
  return count;
}

std::vector<FrameNumber> Pool::CollectFree(FrameSet& set) const {
  std::vector<FrameNumber> twice;
  depot_.ForEach([&](const Slab& slab) {
    for (std::size_t index = 0; index < slab.count(); ++index) {
      const FrameNumber frame = slab.frames()[index];
      if (set.Contains(frame)) twice.push_back(frame);
      set.Insert(frame);
    }
  });
  return twice;
}

}  // namespace pollux::mempool
