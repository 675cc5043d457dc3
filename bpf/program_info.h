// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of loaded programs, maps and links. Each question needs CAP_SYS_ADMIN where it starts from an id.
#ifndef BPF_PROGRAM_INFO_H_
#define BPF_PROGRAM_INFO_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"

namespace pollux::bpf {

struct ProgramInfo {
  uint32_t id = 0;
  std::string name;
  std::array<uint8_t, 8> tag = {};  // a hash of its instructions
  std::vector<uint32_t> map_ids;
};
// NOT_FOUND where the program went away.
absl::StatusOr<ProgramInfo> ProgramInfoById(uint32_t id);
absl::StatusOr<ProgramInfo> ProgramInfoByFd(int fd);

// The program's map whose name ends with `suffix`; an empty UniqueFd if it has none.
absl::StatusOr<UniqueFd> FindMap(const ProgramInfo& program, const std::string& suffix);
absl::StatusOr<uint32_t> MapEntries(int map);

// The link by which program `program_id` is attached to interface `ifindex`, held from now on; an empty UniqueFd if there is none,
// or it is just going away.
absl::StatusOr<UniqueFd> FindLink(int ifindex, uint32_t program_id);

}  // namespace pollux::bpf

#endif  // BPF_PROGRAM_INFO_H_
