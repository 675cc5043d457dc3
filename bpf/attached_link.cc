// SPDX-License-Identifier: Apache-2.0
#include "bpf/attached_link.h"

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <linux/if_link.h>

#include <cerrno>
#include <cstring>

#include <absl/strings/str_cat.h>

#include "bpf/attached_programs.h"
#include "bpf/privilege.h"
#include "bpf/program_info.h"
#include "lcore/errno_status.h"

namespace pollux::bpf {
namespace {

UniqueFd CreateLink(int program, int ifindex, uint32_t flags) {
  DECLARE_LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
  return UniqueFd(bpf_link_create(program, ifindex, BPF_XDP, &options));
}

// The steering rules that a loaded program has; empty for a program without any.
absl::StatusOr<std::optional<steer_options>> ReadSteering(const ProgramInfo& program) {
  absl::StatusOr<UniqueFd> map = FindMap(program, ".rodata");
  if (!map.ok()) return map.status();
  if (!*map) return std::optional<steer_options>();
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  steer_options options = {};
  uint32_t key = 0;
  if (bpf_obj_get_info_by_fd(map->get(), &info, &length) != 0) return CallStatus(errno, "bpf(BPF_OBJ_GET_INFO_BY_FD, .rodata)", {});
  // Another layout: a program of another version, whose rules we cannot compare.
  if (info.value_size != sizeof(options)) return absl::FailedPreconditionError("its rules are laid out as in another version of Pollux");
  if (bpf_map_lookup_elem(map->get(), &key, &options) != 0) return CallStatus(errno, "bpf_map_lookup_elem(.rodata)", {CAP_BPF});
  return std::optional<steer_options>(options);
}

// What a loaded program asks its device; nothing where it is not bound, or of a version that asks in another way.
bound_options ReadBoundOptions(const ProgramInfo& program) {
  bound_options options = {};
  const absl::StatusOr<UniqueFd> map = FindMap(program, POLLUX_BOUND_OPTIONS_SECTION);
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  const uint32_t key = 0;
  if (!map.ok() || !*map || bpf_obj_get_info_by_fd(map->get(), &info, &length) != 0 || info.value_size != sizeof(options) ||
      bpf_map_lookup_elem(map->get(), &key, &options) != 0)
    return {};
  return options;
}

bool IsOurs(const AttachedProgram& attached, const ProgramObject& object) {
  if (object.custom()) return attached.name == object.name();
  return attached.name == POLLUX_REDIRECT_PROGRAM || attached.name == POLLUX_STEER_PROGRAM;
}

absl::Status CompareSteering(const std::string& where, const ProgramInfo& running, const ProgramObject& object) {
  absl::StatusOr<std::optional<steer_options>> theirs = ReadSteering(running);
  if (!theirs.ok()) return lcore::Annotate(theirs.status(), where);
  uint32_t running_rules = theirs->has_value() ? (*theirs)->rule_count : 0;
  uint32_t asked_rules = object.steering() ? object.steering()->rule_count : 0;
  bool same = theirs->has_value() == object.steering().has_value();
  if (same && theirs->has_value()) same = std::memcmp(&**theirs, &*object.steering(), sizeof(steer_options)) == 0;
  if (same) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(where, " has other steering (", running_rules, " rules, here ", asked_rules,
                   "); processes that share an interface need the same rules: start this one with theirs, or end them"));
}

}  // namespace

const char* NativeHint(int error) {
  switch (error) {
    case EOPNOTSUPP:
      return "the driver has no native XDP";
    case EINVAL:
    case ERANGE:
      return "the driver cannot run native XDP as it is set up; often the MTU, or that of a veth's other end, is too large (or LRO is on)";
    case ENOSPC:
    case ENOMEM:
      return "the driver lacks queues for native XDP; a veth wants at least as many receive queues as its other end has transmit queues";
    default:
      return "";
  }
}

bool MayFallBack(int error) {
  return NativeHint(error)[0] != '\0' && error != ENOMEM;
}

absl::StatusOr<AttachedLink> MakeLink(const std::string& interface, int ifindex, AttachMode mode, ProgramObject* object) {
  absl::Status loaded = object->Load();
  if (!loaded.ok()) return loaded;
  AttachedLink result;
  int native_error = 0;
  result.native = mode != AttachMode::kGeneric;
  if (result.native) {
    result.link = CreateLink(object->program_fd(), ifindex, XDP_FLAGS_DRV_MODE);
    native_error = result.link ? 0 : errno;
  }
  int error = native_error;
  if (mode == AttachMode::kGeneric || (mode == AttachMode::kAutomatic && MayFallBack(native_error))) {
    result.native = false;
    result.link = CreateLink(object->program_fd(), ifindex, XDP_FLAGS_SKB_MODE);
    error = result.link ? 0 : errno;
    if (native_error != 0) result.fallback_reason = absl::StrCat(NativeHint(native_error), " (", std::strerror(native_error), ")");
  }
  std::string call = absl::StrCat("bpf_link_create(", interface, ", ", result.native ? "native" : "generic", " XDP)");
  if (error == EBUSY || error == EEXIST) return absl::AlreadyExistsError(absl::StrCat(call, ": ", std::strerror(error)));
  if (error == ENODEV) return absl::NotFoundError(absl::StrCat("interface ", interface, " went away"));
  if (error != 0 && result.native && MayFallBack(error)) {
    return absl::FailedPreconditionError(
        absl::StrCat(call, ": ", std::strerror(error), "; ", NativeHint(error), "; generic mode works without it"));
  }
  if (error != 0) return CallStatus(error, call, {CAP_NET_ADMIN, CAP_BPF}, result.native ? NativeHint(error) : "");

  absl::StatusOr<ProgramInfo> info = ProgramInfoByFd(object->program_fd());
  if (!info.ok()) return info.status();
  result.program_id = info->id;
  if (object->bound()) {
    result.bound_to = ifindex;
    result.bound = object->asked_of_device();
  }
  result.sockets = UniqueFd::Duplicate(object->map_fd(POLLUX_SOCKET_MAP));
  if (object->steering()) result.passed = UniqueFd::Duplicate(object->map_fd(POLLUX_PASSED_MAP));
  if (!object->custom()) {
    result.wakes = UniqueFd::Duplicate(object->map_fd(POLLUX_WAKE_STAMPS_MAP));
    result.program = UniqueFd::Duplicate(object->program_fd());
    result.steering = object->steering();
  }
  return result;
}

absl::StatusOr<std::optional<AttachedLink>> JoinLink(const std::string& interface, int ifindex, AttachMode mode,
                                                     const AttachedProgram& attached, ProgramObject* object) {
  std::string where = absl::StrCat("XDP program ", Describe(attached), ", attached to ", interface);
  absl::StatusOr<ProgramInfo> info = ProgramInfoById(attached.id);
  if (absl::IsNotFound(info.status())) return std::optional<AttachedLink>();
  if (absl::IsPermissionDenied(info.status()))
    return lcore::Annotate(info.status(), absl::StrCat(where, ": to see whether it can be shared"));
  if (!info.ok()) return info.status();
  if (attached.name == POLLUX_FLOWS_PROGRAM) {
    return absl::FailedPreconditionError(absl::StrCat(where,
                                                      ": that port has flows, and ports with flows are not shared; end the process that "
                                                      "has it, or let it flush its flows and stop and start the port"));
  }
  if (!IsOurs(attached, *object)) {
    return absl::AlreadyExistsError(absl::StrCat(where, ", is not ours; remove it (end the process that attached it, or `ip link set dev ",
                                                 interface, attached.native ? " xdpdrv" : " xdpgeneric",
                                                 " off`) or attach beside it through libxdp's dispatcher"));
  }
  absl::StatusOr<UniqueFd> link = FindLink(ifindex, attached.id);
  if (!link.ok()) return link.status();
  if (!*link) return std::optional<AttachedLink>();

  if (object->custom()) {
    absl::Status loaded = object->Load();
    if (!loaded.ok()) return loaded;
    absl::StatusOr<ProgramInfo> own = ProgramInfoByFd(object->program_fd());
    if (!own.ok()) return own.status();
    if (own->tag != info->tag) return absl::AlreadyExistsError(absl::StrCat(where, ", has the name but not the code of the object file"));
  } else {
    absl::Status same = CompareSteering(where, *info, *object);
    if (!same.ok()) return same;
  }
  if (mode != AttachMode::kAutomatic && attached.native != (mode == AttachMode::kNative)) {
    return absl::FailedPreconditionError(absl::StrCat(where, ": it is shared with the process that attached it, and this one asks for ",
                                                      attached.native ? "generic" : "native", " mode"));
  }
  AttachedLink result;
  result.link = std::move(*link);
  result.program_id = attached.id;
  result.native = attached.native;
  result.joined = true;
  if (!object->custom()) result.bound = ReadBoundOptions(*info);
  absl::StatusOr<UniqueFd> sockets = FindMap(*info, POLLUX_SOCKET_MAP);
  if (!sockets.ok()) return sockets.status();
  if (!*sockets) return absl::AlreadyExistsError(absl::StrCat(where, ", has our program's name but no map ", POLLUX_SOCKET_MAP));
  result.sockets = std::move(*sockets);
  if (!object->custom()) {
    absl::StatusOr<UniqueFd> wakes = FindMap(*info, POLLUX_WAKE_STAMPS_MAP);
    if (!wakes.ok()) return wakes.status();
    result.wakes = std::move(*wakes);
  }
  if (object->steering()) {
    absl::StatusOr<UniqueFd> passed = FindMap(*info, POLLUX_PASSED_MAP);
    if (!passed.ok()) return passed.status();
    result.passed = std::move(*passed);
  }
  return std::optional<AttachedLink>(std::move(result));
}

}  // namespace pollux::bpf
