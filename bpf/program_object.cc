// SPDX-License-Identifier: Apache-2.0
#include "bpf/program_object.h"

#include <bpf/libbpf.h>
#include <linux/capability.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "bpf/library_messages.h"
#include "bpf/privilege.h"
#include "bpf/uapi.h"
#include "bpf/xdp_redirect.skel.h"
#include "bpf/xdp_redirect_tagged.skel.h"
#include "bpf/xdp_steer.skel.h"
#include "bpf/xdp_steer_tagged.skel.h"

namespace pollux::bpf {
namespace {

// " (what the library said)", or nothing.
std::string Words(const LibraryMessages& messages) {
  std::string last = messages.Last();
  return last.empty() ? last : absl::StrCat(" (", last, ")");
}

// The first program of type XDP, by type or by its section "xdp...".
struct ::bpf_program* FirstXdpProgram(struct ::bpf_object* object) {
  struct ::bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (bpf_program__type(program) == BPF_PROG_TYPE_XDP || absl::StartsWith(bpf_program__section_name(program), "xdp")) return program;
  }
  return nullptr;
}

}  // namespace

void ProgramObject::Close::operator()(struct ::bpf_object* object) const {
  bpf_object__close(object);
}
ProgramObject::ProgramObject() = default;
ProgramObject::ProgramObject(ProgramObject&&) noexcept = default;
ProgramObject::~ProgramObject() = default;

absl::StatusOr<ProgramObject> ProgramObject::Open(const ProgramOptions& options) {
  return Make(options, 0);
}

absl::StatusOr<ProgramObject> ProgramObject::OpenBound(const ProgramOptions& options, int ifindex) {
  return Make(options, ifindex);
}

absl::StatusOr<ProgramObject> ProgramObject::Make(const ProgramOptions& options, int bound_to) {
  ProgramObject result;
  if (!options.steer.empty()) {
    absl::StatusOr<steer_options> steering = MakeSteerOptions(options.steer);
    if (!steering.ok()) return steering.status();
    result.steering_ = *steering;
  }
  result.custom_ = !options.object_file.empty();
  result.asked_of_device_ = {.put_vlan_tag = options.vlan_tags ? 1u : 0u, .rx_metadata = options.rx_metadata};
  absl::Status status = result.custom_ ? result.OpenFile(options) : result.OpenBuiltIn(bound_to, options.frags);
  if (!status.ok()) return status;
  return result;
}

absl::Status ProgramObject::OpenFile(const ProgramOptions& options) {
  const std::string& file = options.object_file;
  if (!options.steer.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("steer rules and object file ", file, ": rules work with the built-in program only; leave one of them out"));
  }
  LibraryMessages messages;
  object_.reset(bpf_object__open_file(file.c_str(), nullptr));
  if (object_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("open BPF object ", file, ": ", std::strerror(errno), Words(messages)));
  }
  return FindParts(file);
}

absl::Status ProgramObject::OpenBuiltIn(int bound_to, bool frags) {
  LibraryMessages messages;
  bound_ = bound_to != 0;
  size_t size = 0;
  const void* const bytes = bound_ ? (steering_ ? xdp_steer_tagged_bpf::elf_bytes(&size) : xdp_redirect_tagged_bpf::elf_bytes(&size))
                                   : (steering_ ? xdp_steer_bpf::elf_bytes(&size) : xdp_redirect_bpf::elf_bytes(&size));
  const char* const name = steering_ ? POLLUX_STEER_PROGRAM : POLLUX_REDIRECT_PROGRAM;
  DECLARE_LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = name);
  object_.reset(bpf_object__open_mem(bytes, size, &open_options));
  if (object_ == nullptr) {
    return absl::InternalError(absl::StrCat("open BPF object ", name, ": ", std::strerror(errno), Words(messages)));
  }
  absl::Status found = FindParts(name);
  if (found.ok() && bound_) {
    bpf_program__set_ifindex(program_, static_cast<__u32>(bound_to));
    bpf_program__set_flags(program_, bpf_program__flags(program_) | kXdpDeviceBoundOnly);
  }
  if (found.ok() && frags) bpf_program__set_flags(program_, bpf_program__flags(program_) | BPF_F_XDP_HAS_FRAGS);
  if (found.ok() && bound_) found = SetOptions(POLLUX_BOUND_OPTIONS_SECTION, &asked_of_device_, sizeof(asked_of_device_));
  if (found.ok() && steering_) found = SetOptions(".rodata", &*steering_, sizeof(*steering_));
  return found;
}

absl::Status ProgramObject::SetOptions(const char* map_name, const void* options, size_t size) {
  const int error = bpf_map__set_initial_value(bpf_object__find_map_by_name(object_.get(), map_name), options, size);
  if (error == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("set the options ", map_name, " of ", name_, ": ", std::strerror(-error)));
}

// The program, and the map of its sockets.
absl::Status ProgramObject::FindParts(const std::string& source) {
  program_ = FirstXdpProgram(object_.get());
  if (program_ == nullptr) return absl::InvalidArgumentError(absl::StrCat("BPF object ", source, " has no XDP program"));
  name_ = bpf_program__name(program_);
  // The kernel keeps 15 characters.
  name_.resize(std::min<size_t>(name_.size(), BPF_OBJ_NAME_LEN - 1));
  bpf_program__set_type(program_, BPF_PROG_TYPE_XDP);
  struct ::bpf_map* sockets = bpf_object__find_map_by_name(object_.get(), POLLUX_SOCKET_MAP);
  if (sockets == nullptr || bpf_map__type(sockets) != BPF_MAP_TYPE_XSKMAP) {
    return absl::InvalidArgumentError(
        absl::StrCat("BPF object ", source, " has no map \"", POLLUX_SOCKET_MAP, "\" of type BPF_MAP_TYPE_XSKMAP"));
  }
  return absl::OkStatus();
}

absl::Status ProgramObject::Load() {
  if (loaded_) return absl::OkStatus();
  LibraryMessages messages;
  const int error = bpf_object__load(object_.get());
  const std::string call = absl::StrCat("load XDP program '", name_, "'");
  if (error == -EPERM) return CallStatus(-error, call, {CAP_BPF, CAP_NET_ADMIN});
  if (error != 0) return absl::InternalError(absl::StrCat(call, ": ", std::strerror(-error), Words(messages)));
  loaded_ = true;
  return absl::OkStatus();
}

int ProgramObject::program_fd() const {
  return bpf_program__fd(program_);
}

int ProgramObject::map_fd(const char* name) const {
  struct ::bpf_map* map = bpf_object__find_map_by_name(object_.get(), name);
  return map == nullptr ? -1 : bpf_map__fd(map);
}

}  // namespace pollux::bpf
