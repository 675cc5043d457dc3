// SPDX-License-Identifier: Apache-2.0
#include "bpf/program_info.h"

#include <bpf/bpf.h>
#include <linux/capability.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "bpf/privilege.h"

namespace pollux::bpf {
namespace {

absl::StatusOr<bpf_map_info> MapInfo(int map) {
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(map, &info, &length) != 0) return CallStatus(errno, "bpf(BPF_OBJ_GET_INFO_BY_FD, map)", {});
  return info;
}

}  // namespace

absl::StatusOr<ProgramInfo> ProgramInfoById(uint32_t id) {
  UniqueFd program(bpf_prog_get_fd_by_id(id));
  if (!program) return CallStatus(errno, absl::StrCat("bpf(BPF_PROG_GET_FD_BY_ID, ", id, ")"), {CAP_SYS_ADMIN});
  return ProgramInfoByFd(program.get());
}

absl::StatusOr<ProgramInfo> ProgramInfoByFd(int fd) {
  ProgramInfo result;
  // Maps may not be added to a loaded program, so what the first call counts the second one finds.
  for (int pass = 0; pass < 2; ++pass) {
    bpf_prog_info info = {};
    info.nr_map_ids = static_cast<uint32_t>(result.map_ids.size());
    info.map_ids = reinterpret_cast<uintptr_t>(result.map_ids.data());
    uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return CallStatus(errno, "bpf(BPF_OBJ_GET_INFO_BY_FD, program)", {});
    result.id = info.id;
    result.name.assign(info.name, strnlen(info.name, sizeof(info.name)));
    std::copy(std::begin(info.tag), std::end(info.tag), result.tag.begin());
    result.map_ids.resize(info.nr_map_ids);
  }
  return result;
}

absl::StatusOr<UniqueFd> FindMap(const ProgramInfo& program, const std::string& suffix) {
  for (uint32_t id : program.map_ids) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    if (!map) return CallStatus(errno, absl::StrCat("bpf(BPF_MAP_GET_FD_BY_ID, ", id, ")"), {CAP_SYS_ADMIN});
    absl::StatusOr<bpf_map_info> info = MapInfo(map.get());
    if (!info.ok()) return info.status();
    if (absl::EndsWith(std::string(info->name, strnlen(info->name, sizeof(info->name))), suffix)) return map;
  }
  return UniqueFd();
}

absl::StatusOr<uint32_t> MapEntries(int map) {
  absl::StatusOr<bpf_map_info> info = MapInfo(map);
  if (!info.ok()) return info.status();
  return info->max_entries;
}

absl::StatusOr<UniqueFd> FindLink(int ifindex, uint32_t program_id) {
  for (uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
    UniqueFd link(bpf_link_get_fd_by_id(id));
    if (!link && (errno == ENOENT || errno == EAGAIN)) continue;
    if (!link) return CallStatus(errno, absl::StrCat("bpf(BPF_LINK_GET_FD_BY_ID, ", id, ")"), {CAP_SYS_ADMIN});
    bpf_link_info info = {};
    uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(link.get(), &info, &length) != 0) return CallStatus(errno, "bpf(BPF_OBJ_GET_INFO_BY_FD, link)", {});
    // Indices repeat from one network namespace to the next; the program does not.
    if (info.type == BPF_LINK_TYPE_XDP && info.prog_id == program_id && info.xdp.ifindex == static_cast<uint32_t>(ifindex)) return link;
  }
  if (errno == ENOENT) return UniqueFd();
  return CallStatus(errno, "bpf(BPF_LINK_GET_NEXT_ID)", {CAP_SYS_ADMIN});
}

}  // namespace pollux::bpf
