// SPDX-License-Identifier: Apache-2.0
#include "bpf/wake_stamps.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

namespace pollux::bpf {

WakeStamps::WakeStamps(int map) {
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  // Of another version of Pollux, or of somebody else.
  if (map < 0 || bpf_obj_get_info_by_fd(map, &info, &size) != 0 || info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(uint64_t) ||
      (info.map_flags & BPF_F_MMAPABLE) == 0)
    return;
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t bytes = (info.max_entries * sizeof(uint64_t) + page - 1) / page * page;
  void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  if (base == MAP_FAILED) return;
  stamps_ = {static_cast<uint64_t*>(base), info.max_entries};
  mapped_ = bytes;
}

WakeStamps::~WakeStamps() {
  if (mapped_ != 0) munmap(stamps_.data(), mapped_);
}

}  // namespace pollux::bpf
