// SPDX-License-Identifier: Apache-2.0
#include "bpf/flow_program.h"

#include <bpf/libbpf.h>
#include <linux/capability.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include <absl/strings/str_cat.h>

#include "bpf/library_messages.h"
#include "bpf/privilege.h"
#include "bpf/xdp_flows.skel.h"

namespace pollux::bpf {
namespace {

struct Destroy {
  void operator()(xdp_flows_bpf* skeleton) const { xdp_flows_bpf::destroy(skeleton); }
};

absl::Status Reuse(xdp_flows_bpf* skeleton, const std::string& name, int descriptor) {
  struct ::bpf_map* const map = bpf_object__find_map_by_name(skeleton->obj, name.c_str());
  const int error = map == nullptr ? -ENOENT : bpf_map__reuse_fd(map, descriptor);
  if (error == 0) return absl::OkStatus();
  return CallStatus(-error, absl::StrCat("use map ", name, " in XDP program '", POLLUX_FLOWS_PROGRAM, "'"), {CAP_BPF});
}

}  // namespace

absl::StatusOr<UniqueFd> LoadFlowProgram(const FlowHook& hook, const std::optional<steer_options>& steering, int sockets, int passed) {
  LibraryMessages messages;
  const std::unique_ptr<xdp_flows_bpf, Destroy> skeleton(xdp_flows_bpf::open());
  if (skeleton == nullptr) return absl::InternalError(absl::StrCat("open BPF object ", POLLUX_FLOWS_PROGRAM, ": ", std::strerror(errno)));
  if (steering) skeleton->rodata->options = *steering;
  skeleton->rodata_flows->flow_options = {.port = hook.port,
                                          .statistics_slots = hook.maps->statistics_slots(),
                                          .unfinished = hook.unfinished_checksums ? 1u : 0u,
                                          .seed = static_cast<__u32>(std::random_device{}())};
  absl::Status status = Reuse(skeleton.get(), POLLUX_SOCKET_MAP, sockets);
  if (steering && status.ok()) status = Reuse(skeleton.get(), POLLUX_PASSED_MAP, passed);
  for (const auto& [name, descriptor] : hook.maps->Descriptors()) {
    if (status.ok()) status = Reuse(skeleton.get(), name, descriptor);
  }
  if (!status.ok()) return status;
  const int error = xdp_flows_bpf::load(skeleton.get());
  const std::string call = absl::StrCat("load XDP program '", POLLUX_FLOWS_PROGRAM, "'");
  if (error == -EPERM) return CallStatus(-error, call, {CAP_BPF, CAP_NET_ADMIN});
  if (error != 0) return absl::InternalError(absl::StrCat(call, ": ", std::strerror(-error), " (", messages.Last(), ")"));
  return UniqueFd::Duplicate(bpf_program__fd(skeleton->progs.pollux_flows));
}

}  // namespace pollux::bpf
