// SPDX-License-Identifier: Apache-2.0
// Region: memory that frames live in, on one NUMA node.
#ifndef MEMPOOL_REGION_H_
#define MEMPOOL_REGION_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::mempool {

inline constexpr int kAnyNode = -1;

// The pages a Region is made of.
enum class PageKind {
  kAutomatic,  // as request: 2 MiB pages if the node has enough free ones, else ordinary pages
  kOrdinary,   // 4 KiB
  kHuge2M,
  kHuge1G,
  kAdopted,  // as report: memory that somebody else mapped (Region::Adopt), who did not say
};

// Returns "ordinary", "2M", "1G", "automatic" or "adopted".
absl::string_view PageKindName(PageKind kind);

struct RegionOptions {
  std::size_t bytes = 0;  // rounded up to whole pages
  PageKind pages = PageKind::kAutomatic;
  int numa_node = kAnyNode;
  bool require_pages = false;  // a shortfall of huge pages is an error instead of a fall-back
  bool require_node = false;   // a page on another node is an error
  std::string not_visible;     // goes to the report
};

// What was asked and what was got. `fallback` is empty, or says in words what is missing and what would cure it, for example
// "2 MiB pages: node 0 has 12 of 33 free (echo 64 > /sys/devices/system/node/node0/hugepages/...)".
struct RegionReport {
  PageKind asked_pages = PageKind::kAutomatic;
  PageKind pages = PageKind::kOrdinary;
  int asked_node = kAnyNode;
  int node = kAnyNode;            // where the pages are by move_pages(2); kAnyNode: on several nodes, or unknown
  std::size_t pages_total = 0;    // pages looked at by move_pages(2)
  std::size_t pages_on_node = 0;  // of these, on asked_node (on any one node if none was asked)
  std::string fallback;
  // Why BPF programs cannot read it though that was asked for (pmd/visible_region.h); else empty.
  std::string not_visible;
};

// Owns one mapping. All pages are touched when Create returns, so that nothing faults, and no SIGBUS of an exhausted hugepage
// node hits, in a data path. Immutable afterwards: any thread may use it.
class Region {
 public:
  // Errors: INVALID_ARGUMENT (size), RESOURCE_EXHAUSTED (memory, or a shortfall under require_*), NOT_FOUND (no such node).
  static absl::StatusOr<std::unique_ptr<Region>> Create(const RegionOptions& options);

  // Takes memory of ordinary pages that was mapped elsewhere; `map_descriptor` is that of the BPF map whose value it is, or -1. What
  // is not where it was asked to be is added to `report`. `release` is called once, by the destructor, and closes the descriptor.
  static std::unique_ptr<Region> Adopt(std::byte* base, std::size_t bytes, int map_descriptor, RegionReport report,
                                       std::function<void()> release);

  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  std::byte* base() const { return base_; }
  std::size_t size() const { return size_; }
  const RegionReport& report() const { return report_; }
  // Of the BPF map whose value the memory is, so that BPF programs can read it; -1 where it is no map.
  int map_descriptor() const { return map_descriptor_; }

 private:
  Region(std::byte* base, std::size_t size, int map_descriptor, RegionReport report, std::function<void()> release);

  std::byte* const base_;
  const std::size_t size_;
  const int map_descriptor_;
  const RegionReport report_;
  const std::function<void()> release_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_REGION_H_
