// SPDX-License-Identifier: Apache-2.0
#include "bpf/tcx_programs.h"

#include <bpf/bpf.h>
#include <linux/capability.h>

#include <array>
#include <cerrno>

#include <absl/strings/str_cat.h>

#include "bpf/flow_program.h"
#include "bpf/privilege.h"
#include "bpf/program_info.h"
#include "bpf/uapi.h"

namespace pollux::bpf {
namespace {

constexpr auto kTcxIngress = static_cast<bpf_attach_type>(kAttachTcxIngress);

}  // namespace

absl::StatusOr<std::vector<uint32_t>> TcxPrograms(const std::string& interface, int ifindex) {
  std::array<uint32_t, 64> ids = {};  // as many as the kernel lets in
  uint32_t count = ids.size(), flags = 0;
  if (bpf_prog_query(ifindex, kTcxIngress, 0, &flags, ids.data(), &count) == 0)
    return std::vector<uint32_t>(ids.begin(), ids.begin() + count);
  const std::string call = absl::StrCat("bpf_prog_query(tcx ingress of ", interface, ")");
  if (errno == EINVAL) {
    return absl::UnimplementedError(
        absl::StrCat(call, ": this kernel has no tcx links (Linux 6.6 has): only they leave TC with the process that made them"));
  }
  return CallStatus(errno, call, {CAP_BPF, CAP_NET_ADMIN});
}

absl::Status CheckNoTcPort(const std::string& interface, int ifindex) {
  const auto programs = TcxPrograms(interface, ifindex);
  if (!programs.ok()) return programs.status();
  for (const uint32_t id : *programs) {
    const auto info = ProgramInfoById(id);
    if (info.ok() && (info->name == kTcRedirectProgram || info->name == POLLUX_TC_FLOWS_PROGRAM)) {
      return absl::AlreadyExistsError(absl::StrCat("interface ", interface, ": a port with attach=tc has it already (program '", info->name,
                                                   "', id ", id, ", at TC ingress), and such a port has it alone"));
    }
  }
  return absl::OkStatus();
}

}  // namespace pollux::bpf
