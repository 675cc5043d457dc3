// SPDX-License-Identifier: Apache-2.0
#include "mempool/pool.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

#include <absl/strings/str_cat.h>

namespace pollux::mempool {
namespace {

constexpr std::size_t kMinimumRoom = 256;  // bytes that headroom must leave to the packet
constexpr std::size_t kMaximumSlabFrames = 4096;
constexpr std::size_t kChunk = 64;  // frame numbers converted at a time

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
    std::shared_ptr<Pool> pool(new Pool(std::move(region), options, static_cast<uint16_t>(id)));
    pools[id].store(pool.get(), std::memory_order_release);
    return pool;
  }
  return absl::ResourceExhaustedError(absl::StrCat("pool: ", kMaximumPools, " pools are alive already, the most that a process can have"));
}

Pool::Pool(std::shared_ptr<const Region> region, const PoolOptions& options, uint16_t id)
    : region_(std::move(region)),
      options_(options),
      base_(region_->base()),
      bytes_(options.frame_count * options.frame_size),
      frame_shift_(static_cast<unsigned>(std::countr_zero(options.frame_size))),
      id_(id),
      caches_(new Cache[ThreadSlot::kMaximum]) {
  // Highest numbers first, so that the first frames taken are the region's first.
  for (std::size_t next = options_.frame_count; next > 0;) {
    Slab* slab = slabs_.emplace_back(new Slab(options_.slab_frames)).get();
    while (next > 0 && !slab->full()) {
      const auto frame = static_cast<FrameNumber>(--next);
      slab->Push(&frame, 1);
    }
    filled_.push_back(slab);
  }
}

Pool::~Pool() {
  const std::lock_guard lock(pools_mutex);
  pools[id_].store(nullptr, std::memory_order_release);
}

Pool& Pool::FromId(uint16_t id) {
  return *pools[id].load(std::memory_order_acquire);
}

// --- Get, Put: what pool.h leaves ------------------------------------------------------------------------------------------------

template <typename Operation>
std::size_t Pool::WithCache(Operation operation) {
  const int slot = ThreadSlot::Current();
  if (slot >= 0) [[likely]] {
    Cache& cache = caches_[slot];
    if (cache.loaded == nullptr) [[unlikely]]
      MakeCache(cache);
    return operation(cache);
  }
  const std::lock_guard lock(shared_cache_mutex_);
  if (shared_cache_.loaded == nullptr) MakeCache(shared_cache_);
  return operation(shared_cache_);
}

std::size_t Pool::GetAcrossSlabs(std::span<FrameNumber> frames) {
  return WithCache([&](Cache& cache) { return GetFrom(cache, frames); });
}

void Pool::PutAcrossSlabs(std::span<const FrameNumber> frames) {
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
  const std::lock_guard lock(depot_mutex_);
  if (filled_.empty()) return false;
  empty_.push_back(cache.loaded);
  cache.loaded = filled_.back();
  filled_.pop_back();
  return true;
}

void Pool::LoadEmpty(Cache& cache) {
  if (!cache.spare->full()) {
    std::swap(cache.loaded, cache.spare);
    return;
  }
  const std::lock_guard lock(depot_mutex_);
  AddFilled(cache.loaded);
  cache.loaded = TakeEmpty();
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
  const std::lock_guard lock(depot_mutex_);
  ++live_caches_;
  const std::size_t full_slabs = (options_.frame_count + options_.slab_frames - 1) / options_.slab_frames;
  while (slabs_.size() < full_slabs + 2 * live_caches_) empty_.push_back(slabs_.emplace_back(new Slab(options_.slab_frames)).get());
  cache.loaded = TakeEmpty();
  cache.spare = TakeEmpty();
}

Slab* Pool::TakeEmpty() {
  Slab* slab = empty_.back();
  empty_.pop_back();
  return slab;
}

void Pool::AddFilled(Slab* slab) {
  filled_.push_back(slab);
  if (slab->full() && filled_.size() > 1 && !filled_[filled_.size() - 2]->full()) std::swap(filled_.back(), filled_[filled_.size() - 2]);
}

// Tops up the one slab that is short of full, so that there remains one at most.
void Pool::Scatter(Slab* slab) {
  if (!filled_.empty() && !slab->full()) {
    Slab* last = filled_.back();
    std::array<FrameNumber, kChunk> frames;
    while (!slab->empty() && !last->full()) {
      const std::size_t count = std::min({kChunk, slab->count(), last->room()});
      slab->Pop(frames.data(), count);
      last->Push(frames.data(), count);
    }
  }
  if (slab->empty()) {
    empty_.push_back(slab);
  } else {
    AddFilled(slab);
  }
}

void Pool::Flush(Cache& cache) {
  if (cache.loaded == nullptr) return;
  const std::lock_guard lock(depot_mutex_);
  Scatter(cache.loaded);
  Scatter(cache.spare);
  cache = {};
  --live_caches_;
}

void Pool::FlushThisThread() {
  if (const int slot = ThreadSlot::Current(); slot >= 0) Flush(caches_[slot]);
}

void Pool::FlushSlotEverywhere(unsigned slot) {
  const std::lock_guard lock(pools_mutex);
  for (auto& entry : pools) {
    if (Pool* pool = entry.load(std::memory_order_relaxed)) pool->Flush(pool->caches_[slot]);
  }
}

// --- Counting ---------------------------------------------------------------------------------------------------------------

std::size_t Pool::FreeCount() const {
  // Both, so that who finds all frames free finds no thread inside a locked part any more, and may let the pool go.
  const std::lock_guard shared_cache_lock(shared_cache_mutex_);
  const std::lock_guard lock(depot_mutex_);
  std::size_t count = 0;
  for (const auto& slab : slabs_) count += slab->SettledCount();
  return count;
}

std::vector<FrameNumber> Pool::CollectFree(FrameSet& set) const {
  std::vector<FrameNumber> twice;
  const std::lock_guard lock(depot_mutex_);
  for (const auto& slab : slabs_) {
    for (std::size_t index = 0; index < slab->count(); ++index) {
      const FrameNumber frame = slab->frames()[index];
      if (set.Contains(frame)) twice.push_back(frame);
      set.Insert(frame);
    }
  }
  return twice;
}

}  // namespace pollux::mempool
