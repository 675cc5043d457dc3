// SPDX-License-Identifier: Apache-2.0
// Hugepages: their sizes, and how many are free on a node.
#ifndef MEMPOOL_HUGE_PAGES_H_
#define MEMPOOL_HUGE_PAGES_H_

#include <cstddef>
#include <string>

#include <absl/status/status.h>

#include "mempool/region.h"

namespace pollux::mempool {

// Bytes of one page of this kind; kAutomatic and kAdopted count as ordinary.
std::size_t PageBytes(PageKind kind);

// The MAP_HUGE_* bits of mmap(2) for 2M and 1G pages.
int HugePageMapFlag(PageKind kind);

// OK if the node (or, for kAnyNode, the machine) has enough free pages of this kind for `bytes`. Else RESOURCE_EXHAUSTED: how many
// of how many are free, and the command that reserves them. Asked before mmap, because mmap and mbind(2) succeed on a node that
// is short of hugepages and the first touch is then SIGBUS. `sysfs` is the root to read from.
absl::Status CheckFreeHugePages(PageKind kind, std::size_t bytes, int node, const std::string& sysfs = "/sys");

}  // namespace pollux::mempool

#endif  // MEMPOOL_HUGE_PAGES_H_
