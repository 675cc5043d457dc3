// SPDX-License-Identifier: Apache-2.0
#include "bpf/xdp_program.h"

#include <bpf/bpf.h>
#include <linux/capability.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/attached_link.h"
#include "bpf/attached_programs.h"
#include "bpf/dispatcher.h"
#include "bpf/passed_counter.h"
#include "bpf/privilege.h"
#include "bpf/program_info.h"
#include "bpf/program_object.h"
#include "bpf/socket_map.h"
#include "bpf/tcx_programs.h"
#include "bpf/wake_stamps.h"

namespace pollux::bpf {
namespace {

// A process that ends gives its link's id away before it detaches the program, and a second one may attach between our look and our
// attempt: such states pass within milliseconds.
constexpr int kAttempts = 100;
constexpr std::chrono::milliseconds kPause(10);

class LinkedProgram final : public XdpProgram {
 public:
  LinkedProgram(const std::string& interface, AttachedLink link, uint32_t queues)
      : interface_(interface), link_(std::move(link)), sockets_(interface, std::move(link_.sockets), queues), wakes_(link_.wakes.get()) {}

  absl::Status AddSocket(uint32_t queue, int socket) override { return sockets_.Add(queue, socket); }
  absl::Status RemoveSocket(uint32_t queue) override { return sockets_.Remove(queue); }
  absl::Status ResumeSocket(uint32_t queue, int socket) override { return sockets_.Resume(queue, socket); }
  LinkDescriptors Descriptors() const override {
    return {.link = UniqueFd::Duplicate(link_.link.get()),
            .sockets = UniqueFd::Duplicate(sockets_.descriptor()),
            .passed = UniqueFd::Duplicate(link_.passed.get()),
            .bound_to = link_.bound_to,
            .bound = link_.bound};
  }
  absl::Status UseFlows(const FlowHook& hook) override {
    if (link_.joined) {
      return absl::FailedPreconditionError(absl::StrCat(
          "flows on interface ", interface_, ": its XDP program was attached by another process; ports with flows are not shared"));
    }
    if (!link_.program) return XdpProgram::UseFlows(hook);
    UniqueFd flows;
    bool bound = false;
    if (hook.maps != nullptr) {
      absl::StatusOr<UniqueFd> loaded = LoadFlowProgram(hook, link_.steering, SharedMaps(), link_.bound_to, link_.bound);
      bound = link_.bound_to != 0 && loaded.ok();
      // Before Linux 6.16 a bound program may not send to other interfaces.
      if (link_.bound_to != 0 && !bound) loaded = LoadFlowProgram(hook, link_.steering, SharedMaps());
      if (!loaded.ok()) return loaded.status();
      flows = std::move(*loaded);
    }
    const int program = flows ? flows.get() : link_.program.get();
    if (bpf_link_update(link_.link.get(), program, nullptr) != 0)
      return CallStatus(errno, absl::StrCat("bpf_link_update(", interface_, ")"), {CAP_BPF, CAP_NET_ADMIN});
    absl::StatusOr<ProgramInfo> info = ProgramInfoByFd(program);
    if (!info.ok()) return info.status();
    link_.program_id = info->id;
    flows_are_unbound_ = flows && !bound;
    return absl::OkStatus();
  }
  // The link is that of this process, or of several: the last one that lets go of it detaches.
  void Detach() override { link_.link = UniqueFd(); }
  bool native() const override { return link_.native; }
  std::string fallback_reason() const override { return link_.fallback_reason; }
  bool puts_vlan_tags() const override { return link_.bound_to != 0 && link_.bound.put_vlan_tag != 0 && !flows_are_unbound_; }
  uint32_t rx_metadata() const override { return flows_are_unbound_ ? 0 : link_.bound.rx_metadata; }
  bool joined() const override { return link_.joined; }
  uint32_t program_id() const override { return link_.program_id; }
  uint64_t* wake_stamp(uint32_t queue) const override { return wakes_.At(queue); }
  uint64_t passed_packets() const override { return ReadPassedPackets(link_.passed.get()); }

 private:
  FlowSharedMaps SharedMaps() const { return {.sockets = sockets_.descriptor(), .passed = link_.passed.get(), .wakes = link_.wakes.get()}; }

  const std::string interface_;
  AttachedLink link_;
  bool flows_are_unbound_ = false;
  SocketMap sockets_;
  WakeStamps wakes_;
};

absl::StatusOr<std::unique_ptr<XdpProgram>> Hold(const std::string& interface, AttachedLink link) {
  absl::StatusOr<uint32_t> queues = MapEntries(link.sockets.get());
  if (!queues.ok()) return queues.status();
  return std::unique_ptr<XdpProgram>(std::make_unique<LinkedProgram>(interface, std::move(link), *queues));
}

// XDP comes before TC: a port there would get nothing any more. Its links too may be going away.
absl::Status CheckNothingIsTakenFromTc(const std::string& interface, int ifindex) {
  absl::Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kPause);
    status = CheckNoTcPort(interface, ifindex);
    // Whoever may not ask may not attach either, and is told so then.
    if (!absl::IsAlreadyExists(status)) return absl::OkStatus();
  }
  return absl::AlreadyExistsError(absl::StrCat(
      status.message(), "; an XDP program would take its packets before TC sees them: end that port, or take another interface"));
}

}  // namespace

absl::Status XdpProgram::UseFlows(const FlowHook&) {
  return absl::UnimplementedError("flows need the program that comes with Pollux, attached by a bpf_link: no object file, no dispatcher");
}

absl::StatusOr<std::unique_ptr<XdpProgram>> XdpProgram::Resume(const std::string& interface, LinkDescriptors descriptors) {
  bpf_link_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(descriptors.link.get(), &info, &size) != 0) return CallStatus(errno, "bpf(BPF_OBJ_GET_INFO_BY_FD, link)", {});
  absl::StatusOr<std::vector<AttachedProgram>> attached = AttachedPrograms(interface);
  if (!attached.ok()) return attached.status();
  absl::StatusOr<int> ifindex = InterfaceIndex(interface);
  if (!ifindex.ok()) return ifindex.status();
  for (const AttachedProgram& program : *attached) {
    if (program.id != info.prog_id || info.xdp.ifindex != static_cast<uint32_t>(*ifindex)) continue;
    absl::StatusOr<uint32_t> queues = MapEntries(descriptors.sockets.get());
    if (!queues.ok()) return queues.status();
    AttachedLink link;
    link.link = std::move(descriptors.link);
    link.sockets = std::move(descriptors.sockets);
    link.passed = std::move(descriptors.passed);
    link.program_id = program.id;
    link.native = program.native;
    link.bound_to = descriptors.bound_to;
    link.bound = descriptors.bound;
    return std::unique_ptr<XdpProgram>(std::make_unique<LinkedProgram>(interface, std::move(link), *queues));
  }
  return absl::FailedPreconditionError(absl::StrCat("the program that was on interface ", interface, " is not on it any more"));
}

absl::StatusOr<std::unique_ptr<XdpProgram>> XdpProgram::Attach(const std::string& interface, const ProgramOptions& options) {
  absl::StatusOr<int> ifindex = InterfaceIndex(interface);
  if (!ifindex.ok()) return ifindex.status();
  if (absl::Status status = CheckNothingIsTakenFromTc(interface, *ifindex); !status.ok()) return status;
  if (options.dispatcher) return AttachThroughDispatcher(interface, *ifindex, options);
  absl::StatusOr<ProgramObject> object = ProgramObject::Open(options);
  if (!object.ok()) return object.status();
  std::optional<ProgramObject> bound;
  if ((options.vlan_tags || options.rx_metadata != 0) && !object->custom() && options.mode != AttachMode::kGeneric) {
    absl::StatusOr<ProgramObject> opened = ProgramObject::OpenBound(options, *ifindex);
    if (!opened.ok()) return opened.status();
    bound.emplace(*std::move(opened));
  }

  std::string last_seen = "none";
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kPause);
    absl::StatusOr<std::vector<AttachedProgram>> attached = AttachedProgramsByIndex(interface, *ifindex);
    if (!attached.ok()) return attached.status();
    if (attached->empty()) {
      absl::StatusOr<AttachedLink> made = absl::UnimplementedError("");
      if (bound) made = MakeLink(interface, *ifindex, AttachMode::kNative, &*bound);
      // A kernel or driver without it: as if it were not asked for.
      if (!made.ok() && !absl::IsAlreadyExists(made.status())) made = MakeLink(interface, *ifindex, options.mode, &*object);
      if (made.ok()) return Hold(interface, std::move(*made));
      if (!absl::IsAlreadyExists(made.status())) return made.status();
      continue;
    }
    last_seen = Describe(attached->front());
    absl::StatusOr<std::optional<AttachedLink>> joined = JoinLink(interface, *ifindex, options.mode, attached->front(), &*object);
    if (!joined.ok()) return joined.status();
    if (joined->has_value()) return Hold(interface, std::move(**joined));
  }
  return absl::AlreadyExistsError(
      absl::StrCat("XDP program ", last_seen, " on ", interface,
                   " has the name of ours but no bpf_link to share, or the interface's program keeps changing; if it stays, "
                   "remove it: `ip link set dev ",
                   interface, " xdp off`"));
}

}  // namespace pollux::bpf
