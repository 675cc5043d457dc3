// SPDX-License-Identifier: Apache-2.0
#include "bpf/tc_program.h"

#include <bpf/bpf.h>
#include <linux/capability.h>

#include <cerrno>
#include <cstring>

#include <absl/strings/str_cat.h>

#include "bpf/library_messages.h"
#include "bpf/privilege.h"
#include "bpf/program_info.h"
#include "bpf/tc_redirect.skel.h"
#include "bpf/tcx_programs.h"
#include "bpf/uapi.h"

namespace pollux::bpf {
namespace {

constexpr auto kTcxIngress = static_cast<bpf_attach_type>(kAttachTcxIngress);
constexpr int kLoopbackIndex = 1;

struct Destroy {
  void operator()(tc_redirect_bpf* skeleton) const { tc_redirect_bpf::destroy(skeleton); }
};

absl::StatusOr<UniqueFd> LoadRedirect(int target) {
  LibraryMessages messages;
  const std::unique_ptr<tc_redirect_bpf, Destroy> skeleton(tc_redirect_bpf::open());
  if (skeleton == nullptr) return absl::InternalError(absl::StrCat("open BPF object ", kTcRedirectProgram, ": ", std::strerror(errno)));
  skeleton->rodata->target = static_cast<__u32>(target);
  const int error = tc_redirect_bpf::load(skeleton.get());
  const std::string call = absl::StrCat("load TC program '", kTcRedirectProgram, "'");
  if (error == -EPERM) return CallStatus(-error, call, {CAP_BPF, CAP_NET_ADMIN});
  if (error != 0) return absl::InternalError(absl::StrCat(call, ": ", std::strerror(-error), " (", messages.Last(), ")"));
  return UniqueFd::Duplicate(bpf_program__fd(skeleton->progs.pollux_tc));
}

}  // namespace

absl::Status ProbeTcLinks() {
  return TcxPrograms("lo", kLoopbackIndex).status();
}

absl::StatusOr<std::unique_ptr<TcProgram>> TcProgram::Attach(const std::string& interface, int ifindex, int target) {
  if (auto status = CheckNoTcPort(interface, ifindex); !status.ok()) return status;
  auto program = LoadRedirect(target);
  if (!program.ok()) return program.status();
  const auto info = ProgramInfoByFd(program->get());
  if (!info.ok()) return info.status();
  UniqueFd link(bpf_link_create(program->get(), ifindex, kTcxIngress, nullptr));
  if (!link) return CallStatus(errno, absl::StrCat("bpf_link_create(tcx ingress of ", interface, ")"), {CAP_BPF, CAP_NET_ADMIN});
  return std::unique_ptr<TcProgram>(new TcProgram(interface, target, *std::move(program), std::move(link), info->id));
}

absl::Status TcProgram::UseFlows(const FlowHook& hook) {
  UniqueFd flows;
  if (hook.maps != nullptr) {
    auto loaded = LoadTcFlowProgram(hook, target_);
    if (!loaded.ok()) return loaded.status();
    flows = *std::move(loaded);
  }
  const int program = flows ? flows.get() : program_.get();
  if (bpf_link_update(link_.get(), program, nullptr) != 0)
    return CallStatus(errno, absl::StrCat("bpf_link_update(tcx ingress of ", interface_, ")"), {CAP_BPF, CAP_NET_ADMIN});
  const auto info = ProgramInfoByFd(program);
  if (!info.ok()) return info.status();
  program_id_ = info->id;
  return absl::OkStatus();
}

}  // namespace pollux::bpf
