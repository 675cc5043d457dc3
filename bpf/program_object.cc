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
#include "bpf/xdp_redirect.skel.h"
#include "bpf/xdp_steer.skel.h"

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
  ProgramObject result;
  LibraryMessages messages;
  std::string source = options.object_file;
  if (!options.object_file.empty()) {
    if (!options.steer.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("steer rules and object file ", source, ": rules work with the built-in program only; leave one of them out"));
    }
    result.custom_ = true;
    result.object_.reset(bpf_object__open_file(source.c_str(), nullptr));
  } else {
    size_t size = 0;
    const void* bytes = options.steer.empty() ? xdp_redirect_bpf::elf_bytes(&size) : xdp_steer_bpf::elf_bytes(&size);
    source = options.steer.empty() ? POLLUX_REDIRECT_PROGRAM : POLLUX_STEER_PROGRAM;
    DECLARE_LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = source.c_str());
    result.object_.reset(bpf_object__open_mem(bytes, size, &open_options));
  }
  if (result.object_ == nullptr) {
    int error = errno;
    return absl::InvalidArgumentError(absl::StrCat("open BPF object ", source, ": ", std::strerror(error), Words(messages)));
  }
  result.program_ = FirstXdpProgram(result.object_.get());
  if (result.program_ == nullptr) return absl::InvalidArgumentError(absl::StrCat("BPF object ", source, " has no XDP program"));
  result.name_ = bpf_program__name(result.program_);
  // The kernel keeps 15 characters.
  result.name_.resize(std::min<size_t>(result.name_.size(), BPF_OBJ_NAME_LEN - 1));
  bpf_program__set_type(result.program_, BPF_PROG_TYPE_XDP);

  struct ::bpf_map* sockets = bpf_object__find_map_by_name(result.object_.get(), POLLUX_SOCKET_MAP);
  if (sockets == nullptr || bpf_map__type(sockets) != BPF_MAP_TYPE_XSKMAP) {
    return absl::InvalidArgumentError(
        absl::StrCat("BPF object ", source, " has no map \"", POLLUX_SOCKET_MAP, "\" of type BPF_MAP_TYPE_XSKMAP"));
  }
  if (options.steer.empty()) return result;

  absl::StatusOr<steer_options> steering = MakeSteerOptions(options.steer);
  if (!steering.ok()) return steering.status();
  result.steering_ = *steering;
  int error = bpf_map__set_initial_value(bpf_object__find_map_by_name(result.object_.get(), ".rodata"), &*steering, sizeof(*steering));
  if (error != 0) return absl::InternalError(absl::StrCat("set the rules of ", source, ": ", std::strerror(-error)));
  return result;
}

absl::Status ProgramObject::Load() {
  if (loaded_) return absl::OkStatus();
  LibraryMessages messages;
  int error = bpf_object__load(object_.get());
  if (error == 0) {
    loaded_ = true;
    return absl::OkStatus();
  }
  std::string call = absl::StrCat("load XDP program '", name_, "'");
  if (error == -EPERM) return CallStatus(-error, call, {CAP_BPF, CAP_NET_ADMIN});
  return absl::InternalError(absl::StrCat(call, ": ", std::strerror(-error), Words(messages)));
}

int ProgramObject::program_fd() const {
  return bpf_program__fd(program_);
}

int ProgramObject::map_fd(const char* name) const {
  struct ::bpf_map* map = bpf_object__find_map_by_name(object_.get(), name);
  return map == nullptr ? -1 : bpf_map__fd(map);
}

}  // namespace pollux::bpf
