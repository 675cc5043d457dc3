// SPDX-License-Identifier: Apache-2.0
#include "mempool/node_memory.h"

#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::mempool {
namespace {

bool HasNuma() {
  return numa_available() != -1;
}

std::string NodesWithMemory() {
  if (!HasNuma()) return "0";
  std::string text;
  for (int node = 0; node <= numa_max_node(); ++node) {
    if (numa_bitmask_isbitset(numa_all_nodes_ptr, static_cast<unsigned>(node))) absl::StrAppend(&text, text.empty() ? "" : " ", node);
  }
  return text;
}

void NoteFallback(RegionReport& report, const std::string& text) {
  absl::StrAppend(&report.fallback, report.fallback.empty() ? "" : "; ", text);
}

}  // namespace

absl::Status CheckNode(int node) {
  if (node == kAnyNode) return absl::OkStatus();
  const bool exists = HasNuma()
                          ? node >= 0 && node <= numa_max_node() && numa_bitmask_isbitset(numa_all_nodes_ptr, static_cast<unsigned>(node))
                          : node == 0;
  if (exists) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("region: numa_node=", node, ": no such node with memory; there are: ", NodesWithMemory()));
}

absl::Status BindToNode(std::byte* base, std::size_t bytes, int node) {
  if (node == kAnyNode || !HasNuma()) return absl::OkStatus();
  struct bitmask* const mask = numa_allocate_nodemask();
  numa_bitmask_setbit(mask, static_cast<unsigned>(node));
  const long result = mbind(base, bytes, MPOL_BIND, mask->maskp, mask->size + 1, 0);
  const int error = errno;
  numa_free_nodemask(mask);
  if (result == 0) return absl::OkStatus();
  return lcore::ErrnoStatus(error, absl::StrCat("mbind(", bytes, " bytes, node ", node, ")"),
                            "is the node in this process's cpuset (Mems_allowed of /proc/self/status)?");
}

absl::Status Populate(std::byte* base, std::size_t bytes, std::size_t page_bytes) {
  // Transparent hugepages where the kernel offers them; advice only.
  madvise(base, bytes, MADV_HUGEPAGE);
  if (madvise(base, bytes, MADV_POPULATE_WRITE) == 0) return absl::OkStatus();
  if (errno != EINVAL) {
    return absl::ResourceExhaustedError(
        lcore::ErrnoStatus(errno, absl::StrCat("madvise(", bytes, " bytes of ", page_bytes, "-byte pages, MADV_POPULATE_WRITE)"),
                           "the node has not enough free memory of this kind")
            .message());
  }
  for (std::size_t offset = 0; offset < bytes; offset += page_bytes) base[offset] = std::byte{0};
  return absl::OkStatus();
}

void VerifyNode(std::byte* base, std::size_t bytes, std::size_t page_bytes, RegionReport& report) {
  std::vector<void*> pages;
  for (std::size_t offset = 0; offset < bytes; offset += page_bytes) pages.push_back(base + offset);
  std::vector<int> nodes(pages.size(), -1);
  report.pages_total = pages.size();
  if (move_pages(0, pages.size(), pages.data(), nullptr, nodes.data(), 0) != 0) {
    NoteFallback(report, std::string(lcore::ErrnoStatus(errno, "move_pages", "the node of this memory is unknown").message()));
    return;
  }
  std::map<int, std::size_t> count_by_node;
  for (const int node : nodes) ++count_by_node[node];
  const auto most =
      std::max_element(count_by_node.begin(), count_by_node.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (count_by_node.size() == 1 && most->first >= 0) report.node = most->first;
  const int wanted = report.asked_node == kAnyNode ? most->first : report.asked_node;
  report.pages_on_node = count_by_node[wanted];
  if (report.asked_node != kAnyNode && report.pages_on_node < report.pages_total) {
    NoteFallback(report, absl::StrCat("node ", report.asked_node, " holds ", report.pages_on_node, " of ", report.pages_total, " pages"));
  }
}

PreferNode::PreferNode(int node) {
  if (node < 0 || !HasNuma()) return;
  constexpr unsigned long kBits = kMaskWords * 8 * sizeof(unsigned long);
  Policy before;
  if (static_cast<unsigned long>(node) >= kBits || get_mempolicy(&before.mode, before.nodes.data(), kBits, nullptr, 0) != 0) return;
  std::array<unsigned long, kMaskWords> wanted = {};
  wanted[static_cast<std::size_t>(node) / (8 * sizeof(unsigned long))] = 1ul
                                                                         << (static_cast<std::size_t>(node) % (8 * sizeof(unsigned long)));
  if (set_mempolicy(MPOL_PREFERRED, wanted.data(), kBits) == 0) before_ = before;
}

PreferNode::~PreferNode() {
  if (before_.has_value()) set_mempolicy(before_->mode, before_->nodes.data(), kMaskWords * 8 * sizeof(unsigned long));
}

}  // namespace pollux::mempool
