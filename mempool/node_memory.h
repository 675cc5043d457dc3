// SPDX-License-Identifier: Apache-2.0
// Memory on a NUMA node: bind it, touch it, look where it landed. The only user of libnuma.
#ifndef MEMPOOL_NODE_MEMORY_H_
#define MEMPOOL_NODE_MEMORY_H_

#include <array>
#include <cstddef>
#include <optional>

#include <absl/status/status.h>

#include "mempool/region.h"

namespace pollux::mempool {

// NOT_FOUND, naming the nodes there are, unless `node` is kAnyNode or a node with memory. A kernel without NUMA has node 0.
absl::Status CheckNode(int node);

// mbind(2) with MPOL_BIND, before the first touch; nothing to do for kAnyNode.
absl::Status BindToNode(std::byte* base, std::size_t bytes, int node);

// Makes every page present. RESOURCE_EXHAUSTED instead of the SIGBUS that a touch gives when a node is out of hugepages
// (madvise(2), MADV_POPULATE_WRITE, from 5.14; pages are touched one by one before that).
absl::Status Populate(std::byte* base, std::size_t bytes, std::size_t page_bytes);

// Asks move_pages(2) where each page is, and fills in report.node, pages_total, pages_on_node, and the fallback text if pages are
// not where they were asked to be.
void VerifyNode(std::byte* base, std::size_t bytes, std::size_t page_bytes, RegionReport& report);

// While it lives, memory that this thread touches first comes from `node`, as does what the kernel allocates in its calls (the rings of a
// socket), as long as the node has some. Nothing to do for kAnyNode, or where the process may not say. One thread, innermost last.
class PreferNode {
 public:
  explicit PreferNode(int node);
  ~PreferNode();
  PreferNode(const PreferNode&) = delete;
  PreferNode& operator=(const PreferNode&) = delete;

 private:
  static constexpr std::size_t kMaskWords = 16;  // 1024 nodes
  struct Policy {
    int mode = 0;
    std::array<unsigned long, kMaskWords> nodes = {};
  };
  std::optional<Policy> before_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_NODE_MEMORY_H_
