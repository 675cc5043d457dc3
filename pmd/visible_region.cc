// SPDX-License-Identifier: Apache-2.0
#include "pmd/visible_region.h"

#include <string>
#include <utility>

#include "bpf/visible_memory.h"

namespace pollux::pmd {
namespace {

using mempool::PageKind;
using mempool::Region;

absl::StatusOr<std::unique_ptr<Region>> CreateInvisible(mempool::RegionOptions options, absl::string_view why) {
  options.not_visible = std::string(why);
  return Region::Create(options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Region>> CreateVisibleRegion(const mempool::RegionOptions& options) {
  if (options.pages == PageKind::kHuge2M || options.pages == PageKind::kHuge1G || options.require_pages) {
    return CreateInvisible(options, "huge pages were asked for");
  }
  auto memory = bpf::VisibleMemory::Create(options.bytes, options.numa_node);
  if (!memory.ok()) return CreateInvisible(options, memory.status().message());
  auto held = std::make_shared<bpf::VisibleMemory>(std::move(*memory));
  const mempool::RegionReport asked{.asked_pages = options.pages, .pages = PageKind::kOrdinary, .asked_node = options.numa_node};
  auto region = Region::Adopt(held->base(), options.bytes, held->map(), asked, [held]() mutable { held.reset(); });
  const mempool::RegionReport& got = region->report();
  if (options.require_node && options.numa_node != mempool::kAnyNode && got.pages_on_node != got.pages_total) {
    return CreateInvisible(options, "memory that BPF programs can read was not to be had on the node");
  }
  return region;
}

}  // namespace pollux::pmd
