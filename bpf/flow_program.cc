// SPDX-License-Identifier: Apache-2.0
#include "bpf/flow_program.h"

#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <random>
#include <string>

#include <absl/strings/str_cat.h>

#include "bpf/library_messages.h"
#include "bpf/privilege.h"
#include "bpf/tc_flows.skel.h"
#include "bpf/uapi.h"
#include "bpf/xdp_flows.skel.h"
#include "bpf/xdp_flows_tagged.skel.h"

namespace pollux::bpf {
namespace {

template <typename Skeleton>
struct Destroy {
  void operator()(Skeleton* skeleton) const { Skeleton::destroy(skeleton); }
};
template <typename Skeleton>
using Handle = std::unique_ptr<Skeleton, Destroy<Skeleton>>;

template <typename Skeleton>
absl::StatusOr<Handle<Skeleton>> Open(const char* name) {
  Handle<Skeleton> skeleton(Skeleton::open());
  if (skeleton == nullptr) return absl::InternalError(absl::StrCat("open BPF object ", name, ": ", std::strerror(errno)));
  return skeleton;
}

absl::Status Reuse(bpf_object* object, const std::string& name, int descriptor) {
  struct ::bpf_map* const map = bpf_object__find_map_by_name(object, name.c_str());
  if (map == nullptr) return absl::OkStatus();  // one that the other hook's program has
  const int error = bpf_map__reuse_fd(map, descriptor);
  return error == 0 ? absl::OkStatus() : CallStatus(-error, absl::StrCat("use map ", name, " in a program with flows"), {CAP_BPF});
}

absl::Status ReuseMaps(bpf_object* object, const FlowMaps& maps) {
  for (const auto& [name, descriptor] : maps.Descriptors()) {
    if (auto status = Reuse(object, name, descriptor); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Whether no other program comes in between on a CPU, and others see what it stores in the order in which it does. A kernel with
// PREEMPT_RT lets softirqs be preempted; it alone has the file.
bool HaveOwnCounters() {
#if defined(__x86_64__)
  return access("/sys/kernel/realtime", F_OK) != 0;
#else
  return false;
#endif
}

flow_options OptionsOf(const FlowHook& hook) {
  const bool own_counters = HaveOwnCounters();
  const uint32_t slots = hook.maps->statistics_slots();
  const bool own_statistics = own_counters && slots >= hook.maps->cpu_count();
  flow_options options = {.port = hook.port,
                          .statistics_slots = slots,
                          .unfinished = hook.unfinished_checksums ? 1u : 0u,
                          .own_counters = own_counters ? 1u : 0u,
                          .own_statistics = own_statistics ? 1u : 0u,
                          .reserved = 0,
                          .multipliers = {}};
  std::random_device random;
  for (__u64& multiplier : options.multipliers) multiplier = __u64{random()} << 32 | random() | 1;
  return options;
}

template <typename Skeleton>
absl::Status Load(Skeleton* skeleton, const char* name, const LibraryMessages& messages) {
  const int error = Skeleton::load(skeleton);
  const std::string call = absl::StrCat("load program '", name, "'");
  if (error == -EPERM) return CallStatus(-error, call, {CAP_BPF, CAP_NET_ADMIN});
  if (error != 0) return absl::InternalError(absl::StrCat(call, ": ", std::strerror(-error), " (", messages.Last(), ")"));
  return absl::OkStatus();
}

template <typename Skeleton>
absl::StatusOr<UniqueFd> LoadXdp(const FlowHook& hook, const std::optional<steer_options>& steering, const FlowSharedMaps& maps,
                                 int bound_to, const bound_options& asked) {
  LibraryMessages messages;
  auto skeleton = Open<Skeleton>(POLLUX_FLOWS_PROGRAM);
  if (!skeleton.ok()) return skeleton.status();
  if (steering) (*skeleton)->rodata->options = *steering;
  (*skeleton)->rodata_flows->flow_options = OptionsOf(hook);
  struct ::bpf_program* const program = (*skeleton)->progs.pollux_flows;
  if constexpr (requires { (*skeleton)->rodata_bound; }) {
    (*skeleton)->rodata_bound->bound_options = asked;
    bpf_program__set_ifindex(program, static_cast<__u32>(bound_to));
    bpf_program__set_flags(program, bpf_program__flags(program) | kXdpDeviceBoundOnly);
  }
  bpf_object* const object = (*skeleton)->obj;
  absl::Status status = Reuse(object, POLLUX_SOCKET_MAP, maps.sockets);
  if (steering && status.ok()) status = Reuse(object, POLLUX_PASSED_MAP, maps.passed);
  if (maps.wakes >= 0 && status.ok()) status = Reuse(object, POLLUX_WAKE_STAMPS_MAP, maps.wakes);
  if (status.ok()) status = ReuseMaps(object, *hook.maps);
  if (status.ok()) status = Load(skeleton->get(), POLLUX_FLOWS_PROGRAM, messages);
  if (!status.ok()) return status;
  return UniqueFd::Duplicate(bpf_program__fd(program));
}

}  // namespace

absl::StatusOr<UniqueFd> LoadFlowProgram(const FlowHook& hook, const std::optional<steer_options>& steering, const FlowSharedMaps& maps,
                                         int bound_to, const bound_options& asked) {
  return bound_to == 0 ? LoadXdp<xdp_flows_bpf>(hook, steering, maps, 0, asked)
                       : LoadXdp<xdp_flows_tagged_bpf>(hook, steering, maps, bound_to, asked);
}

absl::StatusOr<UniqueFd> LoadTcFlowProgram(const FlowHook& hook, int target) {
  LibraryMessages messages;
  auto skeleton = Open<tc_flows_bpf>(POLLUX_TC_FLOWS_PROGRAM);
  if (!skeleton.ok()) return skeleton.status();
  (*skeleton)->rodata->target = static_cast<__u32>(target);
  (*skeleton)->rodata_flows->flow_options = OptionsOf(hook);
  absl::Status status = ReuseMaps((*skeleton)->obj, *hook.maps);
  if (status.ok()) status = Load(skeleton->get(), POLLUX_TC_FLOWS_PROGRAM, messages);
  if (!status.ok()) return status;
  return UniqueFd::Duplicate(bpf_program__fd((*skeleton)->progs.pollux_tc_flows));
}

}  // namespace pollux::bpf
