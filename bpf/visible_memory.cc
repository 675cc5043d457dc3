// SPDX-License-Identifier: Apache-2.0
#include "bpf/visible_memory.h"

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/inject_shared.h"
#include "bpf/privilege.h"

namespace pollux::bpf {

absl::StatusOr<VisibleMemory> VisibleMemory::Create(std::size_t bytes, int numa_node) {
  if (bytes == 0 || bytes > INJECT_LARGEST_REGION) {
    return absl::OutOfRangeError(
        absl::StrCat("memory that BPF programs can read: ", bytes, " bytes are outside 1..", static_cast<int>(INJECT_LARGEST_REGION)));
  }
  DECLARE_LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  if (numa_node >= 0) {
    options.map_flags |= BPF_F_NUMA_NODE;
    options.numa_node = static_cast<uint32_t>(numa_node);
  }
  const auto value = static_cast<uint32_t>(bytes + INJECT_PADDING);
  UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, POLLUX_INJECT_FRAMES_MAP, sizeof(uint32_t), value, 1, &options));
  if (!map) return CallStatus(errno, absl::StrCat("bpf(BPF_MAP_CREATE, array of ", value, " bytes)"), {CAP_BPF}, "ask for fewer frames");
  return Map(std::move(map), value);
}

absl::StatusOr<VisibleMemory> VisibleMemory::FromDescriptor(UniqueFd map) {
  const auto identity = IdentifyMap(map.get());
  if (!identity.ok()) return identity.status();
  return Map(std::move(map), identity->bytes + INJECT_PADDING);
}

absl::StatusOr<VisibleMemory> VisibleMemory::Map(UniqueFd map, std::size_t value) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t mapped = (value + page - 1) / page * page;
  void* const base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, map.get(), 0);
  if (base == MAP_FAILED) return CallStatus(errno, absl::StrCat("mmap(BPF map, ", mapped, " bytes)"), {CAP_BPF});
  return VisibleMemory(std::move(map), static_cast<std::byte*>(base), mapped);
}

absl::StatusOr<MapIdentity> IdentifyMap(int descriptor) {
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  // A program's description has other numbers in these places.
  if (bpf_obj_get_info_by_fd(descriptor, &info, &size) != 0 || info.type != BPF_MAP_TYPE_ARRAY || info.max_entries != 1 ||
      info.key_size != sizeof(uint32_t) || (info.map_flags & BPF_F_MMAPABLE) == 0 || info.value_size <= INJECT_PADDING ||
      std::strcmp(info.name, POLLUX_INJECT_FRAMES_MAP) != 0) {
    return absl::InvalidArgumentError("this is no descriptor of memory for frames, an mmapable BPF array of one value");
  }
  return MapIdentity{.id = info.id, .bytes = info.value_size - INJECT_PADDING};
}

VisibleMemory::VisibleMemory(UniqueFd map, std::byte* base, std::size_t mapped) : map_(std::move(map)), base_(base), mapped_(mapped) {}

VisibleMemory::VisibleMemory(VisibleMemory&& other) noexcept
    : map_(std::move(other.map_)), base_(std::exchange(other.base_, nullptr)), mapped_(other.mapped_) {}

VisibleMemory::~VisibleMemory() {
  if (base_ != nullptr) munmap(base_, mapped_);
}

}  // namespace pollux::bpf
