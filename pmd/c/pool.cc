// SPDX-License-Identifier: Apache-2.0
// The functions of pollux.h on pools and packets.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>

#include "mempool/packet.h"
#include "mempool/pool.h"
#include "mempool/region.h"
#include "pmd/c/copy_text.h"
#include "pmd/c/error.h"
#include "pmd/c/packet_cast.h"
#include "pmd/c/pollux.h"
#include "pmd/c/pool_handle.h"
#include "pmd/c/sized.h"
#include "pmd/visible_region.h"

namespace pollux::pmd::c {

LingeringPools& LingeringPools::OfProcess() {
  // Never destroyed: a thread that outlives main may still free packets.
  static LingeringPools& pools = *new LingeringPools;
  return pools;
}

void LingeringPools::Expect() {
  const std::lock_guard lock(mutex_);
  pools_.reserve(pools_.size() + expected_ + 1);
  ++expected_;
}

void LingeringPools::Add(std::shared_ptr<mempool::Pool> pool) noexcept {
  const std::lock_guard lock(mutex_);
  --expected_;
  pools_.push_back(std::move(pool));
}

std::size_t LingeringPools::Sweep() {
  const std::lock_guard lock(mutex_);
  std::erase_if(pools_, [](const auto& pool) { return pool.use_count() == 1 && pool->FreeCount() == pool->frame_count(); });
  return pools_.size();
}

namespace {

using mempool::PageKind;

absl::StatusOr<PageKind> PageKindOf(uint32_t pages) {
  switch (pages) {
    case POLLUX_PAGES_AUTOMATIC:
    case POLLUX_PAGES_VISIBLE:
      return PageKind::kAutomatic;
    case POLLUX_PAGES_ORDINARY:
      return PageKind::kOrdinary;
    case POLLUX_PAGES_2M:
      return PageKind::kHuge2M;
    case POLLUX_PAGES_1G:
      return PageKind::kHuge1G;
    default:
      return absl::InvalidArgumentError(absl::StrCat("pollux_pool_create: pages=", pages, " is no enum pollux_pages"));
  }
}

uint32_t PagesOf(PageKind kind) {
  switch (kind) {
    case PageKind::kHuge2M:
      return POLLUX_PAGES_2M;
    case PageKind::kHuge1G:
      return POLLUX_PAGES_1G;
    default:
      return POLLUX_PAGES_ORDINARY;
  }
}

// In memory of the device's own making, if there is one.
absl::StatusOr<std::shared_ptr<mempool::Pool>> CreatePool(const pollux_pool_options& given, Device* device) {
  const absl::StatusOr<PageKind> pages = PageKindOf(given.pages);
  if (!pages.ok()) return pages.status();
  mempool::PoolOptions options;
  if (given.frame_count != 0) options.frame_count = given.frame_count;
  if (given.frame_size != 0) options.frame_size = given.frame_size;
  if (given.headroom != 0) options.headroom = given.headroom;
  const absl::StatusOr<std::size_t> bytes = mempool::RegionBytes(options);
  if (!bytes.ok()) return bytes.status();
  const mempool::RegionOptions memory{.bytes = *bytes,
                                      .pages = *pages,
                                      .numa_node = given.numa_node,
                                      .require_pages = given.require_pages != 0,
                                      .require_node = given.require_node != 0};
  auto region = device != nullptr                     ? device->MakeRegion(memory)
                : given.pages == POLLUX_PAGES_VISIBLE ? CreateVisibleRegion(memory)
                                                      : mempool::Region::Create(memory);
  if (!region.ok()) return region.status();
  return mempool::Pool::Create(*std::move(region), options);
}

}  // namespace

absl::Status CreatePool(const char* function, const pollux_pool_options* options, Device* device, pollux_pool** pool) {
  pollux_pool_options known = POLLUX_POOL_DEFAULTS;
  if (absl::Status status = ReadSized(function, "options", options, known); !status.ok()) return status;
  if (pool == nullptr) return NullArgument(function, "pool");
  LingeringPools::OfProcess().Sweep();
  auto created = CreatePool(known, device);
  if (!created.ok()) return created.status();
  std::unique_ptr<pollux_pool> handle(new pollux_pool{*std::move(created)});
  c::LingeringPools::OfProcess().Expect();
  *pool = handle.release();
  return absl::OkStatus();
}

}  // namespace pollux::pmd::c

namespace c = pollux::pmd::c;

int pollux_pool_create(const pollux_pool_options* options, pollux_pool** pool) noexcept {
  return c::Guarded([&] { return c::CreatePool("pollux_pool_create", options, nullptr, pool); });
}

void pollux_pool_release(pollux_pool* pool) noexcept {
  if (pool == nullptr) return;
  c::Guarded([&] {
    c::LingeringPools::OfProcess().Add(std::move(pool->pool));
    delete pool;
    c::LingeringPools::OfProcess().Sweep();
    return absl::OkStatus();
  });
}

size_t pollux_pools_lingering(void) noexcept {
  return c::LingeringPools::OfProcess().Sweep();
}

int pollux_pool_get_layout(const pollux_pool* pool, pollux_pool_layout* layout) noexcept {
  return c::Guarded([&]() -> absl::Status {
    if (pool == nullptr) return c::NullArgument("pollux_pool_get_layout", "pool");
    if (absl::Status status = c::CheckSized("pollux_pool_get_layout", "layout", layout); !status.ok()) return status;
    const pollux::mempool::Pool& from = *pool->pool;
    const pollux_pool_layout known = {.size = sizeof(known),
                                      .frame_count = static_cast<uint32_t>(from.frame_count()),
                                      .frame_size = static_cast<uint32_t>(from.frame_size()),
                                      .frame_shift = from.frame_shift(),
                                      .headroom = static_cast<uint32_t>(from.headroom()),
                                      .id = from.id(),
                                      .base = reinterpret_cast<unsigned char*>(from.FrameStart(0))};
    c::WriteSized(known, *layout);
    return absl::OkStatus();
  });
}

int pollux_pool_get_report(const pollux_pool* pool, pollux_pool_report* report) noexcept {
  return c::Guarded([&]() -> absl::Status {
    if (pool == nullptr) return c::NullArgument("pollux_pool_get_report", "pool");
    if (absl::Status status = c::CheckSized("pollux_pool_get_report", "report", report); !status.ok()) return status;
    const pollux::mempool::RegionReport& from = pool->pool->region().report();
    pollux_pool_report known = {.size = sizeof(known),
                                .numa_node = from.node,
                                .pages_total = from.pages_total,
                                .pages_on_node = from.pages_on_node,
                                .pages = c::PagesOf(from.pages),
                                .fallback = ""};
    c::CopyText(from.fallback, known.fallback);
    c::WriteSized(known, *report);
    return absl::OkStatus();
  });
}

size_t pollux_pool_free_count(const pollux_pool* pool) noexcept {
  return pool == nullptr ? 0 : pool->pool->FreeCount();
}

void pollux_pool_flush_thread(pollux_pool* pool) noexcept {
  if (pool != nullptr) pool->pool->FlushThisThread();
}

size_t pollux_allocate(pollux_pool* pool, pollux_packet* packets, size_t count) noexcept {
  return pool == nullptr || packets == nullptr ? 0 : pool->pool->Allocate(c::PacketsOf(packets, count));
}

void pollux_free(const pollux_packet* packets, size_t count) noexcept {
  if (packets != nullptr) pollux::mempool::Pool::Free(c::PacketsOf(packets, count));
}
