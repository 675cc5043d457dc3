// SPDX-License-Identifier: Apache-2.0
#include "bpf/attached_programs.h"

#include <bpf/libbpf.h>
#include <net/if.h>

#include <cerrno>

#include <absl/strings/str_cat.h>

#include "bpf/library_messages.h"
#include "bpf/privilege.h"
#include "bpf/program_info.h"

namespace pollux::bpf {
namespace {

void Append(uint32_t id, bool native, std::vector<AttachedProgram>* programs) {
  if (id == 0) return;
  absl::StatusOr<ProgramInfo> info = ProgramInfoById(id);
  // Gone since the query. Without CAP_SYS_ADMIN the name stays unknown, the rest does not.
  if (absl::IsNotFound(info.status())) return;
  programs->push_back({info.ok() ? info->name : std::string(), id, native});
}

}  // namespace

absl::StatusOr<int> InterfaceIndex(const std::string& interface) {
  unsigned index = if_nametoindex(interface.c_str());
  if (index == 0)
    return absl::NotFoundError(absl::StrCat("interface ", interface, ": there is none of this name in this network namespace"));
  return static_cast<int>(index);
}

absl::StatusOr<std::vector<AttachedProgram>> AttachedProgramsByIndex(const std::string& interface, int ifindex) {
  LibraryMessages messages;
  DECLARE_LIBBPF_OPTS(bpf_xdp_query_opts, query);
  int error = bpf_xdp_query(ifindex, 0, &query);
  if (error == -ENODEV) return absl::NotFoundError(absl::StrCat("interface ", interface, " went away"));
  if (error != 0) return CallStatus(-error, absl::StrCat("bpf_xdp_query(", interface, ")"), {});
  std::vector<AttachedProgram> programs;
  Append(query.hw_prog_id, true, &programs);
  Append(query.drv_prog_id, true, &programs);
  Append(query.skb_prog_id, false, &programs);
  return programs;
}

std::string Describe(const AttachedProgram& program) {
  std::string name = program.name.empty() ? std::string("of unknown name") : absl::StrCat("'", program.name, "'");
  return absl::StrCat(name, " (id ", program.id, ", ", program.native ? "native" : "generic", ")");
}

absl::StatusOr<std::vector<AttachedProgram>> AttachedPrograms(const std::string& interface) {
  absl::StatusOr<int> ifindex = InterfaceIndex(interface);
  if (!ifindex.ok()) return ifindex.status();
  return AttachedProgramsByIndex(interface, *ifindex);
}

}  // namespace pollux::bpf
