// SPDX-License-Identifier: Apache-2.0
#include "bpf/dispatcher.h"

#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <xdp/libxdp.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/attached_link.h"
#include "bpf/library_messages.h"
#include "bpf/passed_counter.h"
#include "bpf/privilege.h"
#include "bpf/program_info.h"
#include "bpf/program_object.h"
#include "bpf/socket_map.h"
#include "bpf/wake_stamps.h"

namespace pollux::bpf {
namespace {

struct CloseProgram {
  void operator()(xdp_program* program) const { xdp_program__close(program); }
};
using Program = std::unique_ptr<xdp_program, CloseProgram>;

// A program in the chain, which leaves it with this object.
class ChainedProgram final : public XdpProgram {
 public:
  ChainedProgram(const std::string& interface, int ifindex, xdp_attach_mode mode, std::string fallback_reason, ProgramObject object,
                 Program program, uint32_t queues)
      : ifindex_(ifindex),
        mode_(mode),
        fallback_reason_(std::move(fallback_reason)),
        object_(std::move(object)),
        program_(std::move(program)),
        sockets_(interface, UniqueFd::Duplicate(object_.map_fd(POLLUX_SOCKET_MAP)), queues),
        wakes_(object_.custom() ? -1 : object_.map_fd(POLLUX_WAKE_STAMPS_MAP)) {}
  ~ChainedProgram() override { Detach(); }

  // In vain where the interface is in another namespace by now: a chain is found by number.
  void Detach() override {
    if (!std::exchange(attached_, false)) return;
    LibraryMessages messages;
    xdp_program__detach(program_.get(), ifindex_, mode_, 0);
  }

  absl::Status AddSocket(uint32_t queue, int socket) override { return sockets_.Add(queue, socket); }
  absl::Status RemoveSocket(uint32_t queue) override { return sockets_.Remove(queue); }
  bool native() const override { return mode_ == XDP_MODE_NATIVE; }
  std::string fallback_reason() const override { return fallback_reason_; }
  bool joined() const override { return false; }
  uint32_t program_id() const override { return xdp_program__id(program_.get()); }
  uint64_t* wake_stamp(uint32_t queue) const override { return wakes_.At(queue); }
  uint64_t passed_packets() const override { return ReadPassedPackets(object_.steering() ? object_.map_fd(POLLUX_PASSED_MAP) : -1); }

 private:
  int ifindex_;
  xdp_attach_mode mode_;
  bool attached_ = true;
  std::string fallback_reason_;
  ProgramObject object_;
  Program program_;
  SocketMap sockets_;
  WakeStamps wakes_;
};

absl::Status ProbeFunctionReplacement() {
  std::string missing = MissingCapabilities({CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN});
  if (!missing.empty()) return absl::PermissionDeniedError(absl::StrCat("libxdp's dispatcher: this process lacks ", missing));
  LibraryMessages messages;
  if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nullptr) == 1) return absl::OkStatus();
  return absl::UnimplementedError(
      "libxdp's dispatcher: this kernel does not load programs of type BPF_PROG_TYPE_EXT, which the dispatcher is made of; attach without "
      "it");
}

// libxdp goes on with the bare program where its dispatcher does not load. That is not what was asked for.
bool IsInDispatcher(int ifindex) {
  xdp_multiprog* chain = xdp_multiprog__get_from_ifindex(ifindex);
  if (libxdp_get_error(chain) != 0) return false;
  bool legacy = xdp_multiprog__is_legacy(chain);
  xdp_multiprog__close(chain);
  return !legacy;
}

}  // namespace

absl::StatusOr<std::unique_ptr<XdpProgram>> AttachThroughDispatcher(const std::string& interface, int ifindex,
                                                                    const ProgramOptions& options) {
  absl::Status possible = ProbeFunctionReplacement();
  if (!possible.ok()) return possible;
  absl::StatusOr<ProgramObject> object = ProgramObject::Open(options);
  if (!object.ok()) return object.status();

  LibraryMessages messages;
  Program program(xdp_program__from_bpf_obj(object->object(), bpf_program__section_name(object->program())));
  if (long error = libxdp_get_error(program.get()); error != 0) {
    (void)program.release();  // an error code, not a program
    return absl::InternalError(absl::StrCat("xdp_program__from_bpf_obj(", object->name(), "): ", std::strerror(static_cast<int>(-error))));
  }
  xdp_attach_mode mode = options.mode == AttachMode::kGeneric ? XDP_MODE_SKB : XDP_MODE_NATIVE;
  int error = xdp_program__attach(program.get(), ifindex, mode, 0);
  std::string fallback_reason;
  if (options.mode == AttachMode::kAutomatic && MayFallBack(-error)) {
    fallback_reason = absl::StrCat(NativeHint(-error), " (", std::strerror(-error), ")");
    mode = XDP_MODE_SKB;
    error = xdp_program__attach(program.get(), ifindex, mode, 0);
  }
  if (error != 0) {
    return CallStatus(-error, absl::StrCat("xdp_program__attach(", interface, ", '", object->name(), "')"),
                      {CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN}, messages.Last());
  }
  if (!IsInDispatcher(ifindex)) {
    xdp_program__detach(program.get(), ifindex, mode, 0);
    return absl::UnimplementedError(absl::StrCat("libxdp attached to ", interface, " without its dispatcher (", messages.Last(),
                                                 "), which was undone; attach without it"));
  }
  absl::StatusOr<uint32_t> queues = MapEntries(object->map_fd(POLLUX_SOCKET_MAP));
  if (!queues.ok()) {
    xdp_program__detach(program.get(), ifindex, mode, 0);
    return queues.status();
  }
  return std::unique_ptr<XdpProgram>(std::make_unique<ChainedProgram>(interface, ifindex, mode, std::move(fallback_reason),
                                                                      std::move(*object), std::move(program), *queues));
}

}  // namespace pollux::bpf
