// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/memory_setup.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "lcore/node_name.h"
#include "mempool/region.h"
#include "pmd/visible_region.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kMinimumFrames = 16384;
constexpr std::size_t kBusyQueues = 4;
constexpr std::size_t kSmallestCache = mempool::kDefaultBurst;

mempool::PageKind PagesFor(const EalOptions& eal, const TestpmdOptions& options) {
  return eal.no_huge ? mempool::PageKind::kOrdinary : options.pages;
}

absl::StatusOr<std::shared_ptr<mempool::Pool>> CreatePool(int node, const mempool::PoolOptions& pool_options, mempool::PageKind pages,
                                                          const FrameDemand& demand, const TestpmdOptions& options) {
  const auto required = [&options](const char* feature) {
    return std::find(options.require.begin(), options.require.end(), feature) != options.require.end();
  };
  const absl::StatusOr<std::size_t> bytes = mempool::RegionBytes(pool_options);
  if (!bytes.ok()) return bytes.status();
  const mempool::RegionOptions region_options{
      .bytes = *bytes, .pages = pages, .numa_node = node, .require_pages = required("hugepages"), .require_node = required("numa")};
  auto region = demand.maker != nullptr ? demand.maker->MakeRegion(region_options)
                : demand.visible_region ? pmd::CreateVisibleRegion(region_options)
                                        : mempool::Region::Create(region_options);
  if (!region.ok()) return region.status();
  return mempool::Pool::Create(*std::move(region), pool_options);
}

}  // namespace

absl::StatusOr<mempool::PoolOptions> PoolOptionsFor(const TestpmdOptions& options, const FrameDemand& demand) {
  mempool::PoolOptions pool;
  if (options.headroom.has_value()) pool.headroom = *options.headroom;
  const std::size_t longest = options.maximum_packet.value_or(0);
  pool.frame_size = options.frame_size.value_or(longest + pool.headroom > demand.frame_size ? 4096 : demand.frame_size);
  const std::size_t limit = mempool::kMostFramesOfPacket * (pool.frame_size - pool.headroom);
  if (longest > limit) {
    return absl::InvalidArgumentError(absl::StrCat("--max-pkt-len=", longest, ": ", mempool::kMostFramesOfPacket, " frames of ",
                                                   pool.frame_size, " bytes with a headroom of ", pool.headroom, " hold ", limit,
                                                   " bytes at most"));
  }
  if (options.cache_frames.has_value()) pool.slab_frames = std::max(*options.cache_frames, kSmallestCache);
  const std::size_t busy = std::min(demand.following_queues, kBusyQueues) * demand.busy_descriptors;
  const std::size_t need = demand.ring_descriptors + busy + demand.lcores * (2 * pool.slab_frames + 2 * mempool::kMaximumBurst);
  pool.frame_count = options.frame_count.value_or(std::max(kMinimumFrames, need * 3 / 2));
  const absl::StatusOr<std::size_t> bytes = mempool::RegionBytes(pool);
  if (!bytes.ok()) return bytes.status();
  return pool;
}

absl::StatusOr<MemorySetup> MemorySetup::Create(const EalOptions& eal, const TestpmdOptions& options,
                                                const std::map<int, FrameDemand>& demand_by_node) {
  if (eal.no_huge && options.pages != mempool::PageKind::kAutomatic && options.pages != mempool::PageKind::kOrdinary) {
    return absl::InvalidArgumentError("--no-huge and --pages=2M or 1G exclude each other");
  }
  std::vector<std::size_t> bytes_by_node;
  for (const auto& [node, demand] : demand_by_node) {
    const absl::StatusOr<mempool::PoolOptions> pool = PoolOptionsFor(options, demand);
    if (!pool.ok()) return pool.status();
    const std::size_t index = static_cast<std::size_t>(std::max(node, 0));
    if (bytes_by_node.size() <= index) bytes_by_node.resize(index + 1);
    bytes_by_node[index] += pool->frame_count * pool->frame_size;
  }
  if (absl::Status status = CheckMemoryLimits(eal, bytes_by_node); !status.ok()) return status;

  MemorySetup setup;
  for (const auto& [node, demand] : demand_by_node) {
    auto pool = CreatePool(node, *PoolOptionsFor(options, demand), PagesFor(eal, options), demand, options);
    if (!pool.ok()) return lcore::Annotate(pool.status(), absl::StrCat("memory for frames on NUMA node ", lcore::NodeName(node)));
    setup.pools_[node] = *std::move(pool);
  }
  return setup;
}

std::shared_ptr<mempool::Pool> MemorySetup::PoolOf(int node) const {
  const auto entry = pools_.find(node);
  return entry == pools_.end() ? nullptr : entry->second;
}

std::string DescribePool(const mempool::Pool& pool) {
  const mempool::RegionReport& report = pool.region().report();
  std::string text = absl::StrCat("mbuf pool <mb_pool_", pool.id(), ">: n=", pool.frame_count(), ", size=", pool.frame_size(),
                                  ", headroom=", pool.headroom(), ", socket=", lcore::NodeName(report.node),
                                  ", pages=", mempool::PageKindName(report.pages), "\n");
  if (!report.fallback.empty()) absl::StrAppend(&text, "  <mb_pool_", pool.id(), ">: ", report.fallback, "\n");
  return text;
}

}  // namespace pollux::testpmd
