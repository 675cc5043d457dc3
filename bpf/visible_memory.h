// SPDX-License-Identifier: Apache-2.0
// VisibleMemory: ordinary memory that BPF programs can read too.
#ifndef BPF_VISIBLE_MEMORY_H_
#define BPF_VISIBLE_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"

namespace pollux::bpf {

// The one value of a BPF array map with BPF_F_MMAPABLE, mapped into this process. The kernel can pin it as a UMEM like any other
// memory. Its pages are ordinary ones, present from the start. Control path; the memory itself has no thread rule.
class VisibleMemory {
 public:
  // `bytes` and the padding that the verifier needs (bpf/inject_shared.h), on `numa_node` or, if negative, anywhere.
  // Errors: OUT_OF_RANGE (more than INJECT_LARGEST_REGION), PERMISSION_DENIED (names the capability), RESOURCE_EXHAUSTED.
  static absl::StatusOr<VisibleMemory> Create(std::size_t bytes, int numa_node);
  // Memory that another process made and sent; to map it needs no capability. INVALID_ARGUMENT if it is something else.
  static absl::StatusOr<VisibleMemory> FromDescriptor(UniqueFd map);
  VisibleMemory(VisibleMemory&& other) noexcept;
  VisibleMemory& operator=(VisibleMemory&&) = delete;
  ~VisibleMemory();

  std::byte* base() const { return base_; }
  int map() const { return map_.get(); }

 private:
  VisibleMemory(UniqueFd map, std::byte* base, std::size_t mapped);
  static absl::StatusOr<VisibleMemory> Map(UniqueFd map, std::size_t value_bytes);

  UniqueFd map_;
  std::byte* base_;
  std::size_t mapped_;
};

// Such memory behind a descriptor, whoever made it: the kernel's number for its map, and its bytes without the padding.
struct MapIdentity {
  uint32_t id = 0;
  std::size_t bytes = 0;
};
// INVALID_ARGUMENT for a descriptor of anything else.
absl::StatusOr<MapIdentity> IdentifyMap(int descriptor);

}  // namespace pollux::bpf

#endif  // BPF_VISIBLE_MEMORY_H_
