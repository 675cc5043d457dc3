// SPDX-License-Identifier: Apache-2.0
// Memory for frames that a port may send without sk_buffs.
#ifndef PMD_VISIBLE_REGION_H_
#define PMD_VISIBLE_REGION_H_

#include <memory>

#include <absl/status/statusor.h>

#include "mempool/region.h"

namespace pollux::pmd {

// As Region::Create, where BPF programs can map the memory too: net_af_xdp injects from it faster than from any other (docs/inject.md). It
// has ordinary pages; where huge ones are asked for by name, or the kernel gives no such memory (size, CAP_BPF), the region is one that
// programs cannot read, and its report says why.
absl::StatusOr<std::unique_ptr<mempool::Region>> CreateVisibleRegion(const mempool::RegionOptions& options);

}  // namespace pollux::pmd

#endif  // PMD_VISIBLE_REGION_H_
