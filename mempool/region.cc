// SPDX-License-Identifier: Apache-2.0
#include "mempool/region.h"

#include <sys/mman.h>

#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "mempool/huge_pages.h"
#include "mempool/node_memory.h"

namespace pollux::mempool {
namespace {

constexpr std::size_t kLargestRegion = std::size_t{1} << 40;

struct Mapping {
  std::byte* base;
  std::size_t bytes;
};

absl::StatusOr<Mapping> Map(PageKind kind, std::size_t bytes) {
  const std::size_t page = PageBytes(kind);
  const std::size_t rounded = (bytes + page - 1) / page * page;
  const int huge = kind == PageKind::kOrdinary ? 0 : MAP_HUGETLB | HugePageMapFlag(kind);
  void* const base = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | huge, -1, 0);
  if (base == MAP_FAILED) {
    return lcore::ErrnoStatus(errno, absl::StrCat("mmap(", rounded, " bytes, ", PageKindName(kind), " pages)"),
                              "ask for fewer frames, or free memory");
  }
  return Mapping{static_cast<std::byte*>(base), rounded};
}

// Maps, binds and touches memory of one page kind, or leaves nothing behind.
absl::StatusOr<Mapping> Obtain(PageKind kind, std::size_t bytes, int node) {
  if (kind != PageKind::kOrdinary) {
    if (auto status = CheckFreeHugePages(kind, bytes, node); !status.ok()) return status;
  }
  auto mapping = Map(kind, bytes);
  if (!mapping.ok()) return mapping;
  absl::Status status = BindToNode(mapping->base, mapping->bytes, node);
  if (status.ok()) status = Populate(mapping->base, mapping->bytes, PageBytes(kind));
  if (status.ok()) return mapping;
  munmap(mapping->base, mapping->bytes);
  return status;
}

std::vector<PageKind> Ladder(const RegionOptions& options) {
  switch (options.pages) {
    case PageKind::kHuge1G:
      if (options.require_pages) return {PageKind::kHuge1G};
      return {PageKind::kHuge1G, PageKind::kHuge2M, PageKind::kOrdinary};
    case PageKind::kHuge2M:
      if (options.require_pages) return {PageKind::kHuge2M};
      return {PageKind::kHuge2M, PageKind::kOrdinary};
    case PageKind::kAutomatic:
      if (options.require_pages) return {PageKind::kHuge2M};
      return {PageKind::kHuge2M, PageKind::kOrdinary};
    case PageKind::kOrdinary:
    case PageKind::kAdopted:
      break;
  }
  return {PageKind::kOrdinary};
}

}  // namespace

absl::string_view PageKindName(PageKind kind) {
  switch (kind) {
    case PageKind::kAutomatic:
      return "automatic";
    case PageKind::kOrdinary:
      return "ordinary";
    case PageKind::kHuge2M:
      return "2M";
    case PageKind::kHuge1G:
      return "1G";
    case PageKind::kAdopted:
      return "adopted";
  }
  return "unknown";
}

absl::StatusOr<std::unique_ptr<Region>> Region::Create(const RegionOptions& options) {
  if (options.bytes == 0 || options.bytes > kLargestRegion) {
    return absl::InvalidArgumentError(absl::StrCat("region: bytes=", options.bytes, " is outside 1..", kLargestRegion));
  }
  if (auto status = CheckNode(options.numa_node); !status.ok()) return status;

  RegionReport report{.asked_pages = options.pages, .asked_node = options.numa_node, .not_visible = options.not_visible};
  for (const PageKind kind : Ladder(options)) {
    const auto mapping = Obtain(kind, options.bytes, options.numa_node);
    if (!mapping.ok()) {
      absl::StrAppend(&report.fallback, report.fallback.empty() ? "" : "; ", mapping.status().message());
      continue;
    }
    report.pages = kind;
    VerifyNode(mapping->base, mapping->bytes, PageBytes(kind), report);
    std::unique_ptr<Region> region(new Region(mapping->base, mapping->bytes, -1, report, [m = *mapping] { munmap(m.base, m.bytes); }));
    if (options.require_node && options.numa_node != kAnyNode && report.pages_on_node != report.pages_total) {
      return absl::ResourceExhaustedError(absl::StrCat("region: ", report.pages_on_node, " of ", report.pages_total, " pages are on node ",
                                                       options.numa_node,
                                                       ", and all were required; free memory on that node, or drop the requirement"));
    }
    return region;
  }
  return absl::ResourceExhaustedError(absl::StrCat("region: ", report.fallback));
}

std::unique_ptr<Region> Region::Adopt(std::byte* base, std::size_t bytes, int map_descriptor, RegionReport report,
                                      std::function<void()> release) {
  VerifyNode(base, bytes, PageBytes(PageKind::kOrdinary), report);
  return std::unique_ptr<Region>(new Region(base, bytes, map_descriptor, std::move(report), std::move(release)));
}

Region::Region(std::byte* base, std::size_t size, int map_descriptor, RegionReport report, std::function<void()> release)
    : base_(base), size_(size), map_descriptor_(map_descriptor), report_(std::move(report)), release_(std::move(release)) {}

Region::~Region() {
  if (release_) release_();
}

}  // namespace pollux::mempool
