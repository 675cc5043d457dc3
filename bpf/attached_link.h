// SPDX-License-Identifier: Apache-2.0
// The two ways to a program on an interface that lives as long as its bpf_link: make the link, or share that of another process.
#ifndef BPF_ATTACHED_LINK_H_
#define BPF_ATTACHED_LINK_H_

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "bpf/program_object.h"
#include "bpf/rx_metadata_shared.h"
#include "bpf/unique_fd.h"
#include "bpf/xdp_program.h"

namespace pollux::bpf {

struct AttachedLink {
  UniqueFd link;
  UniqueFd sockets;  // xsks_map
  UniqueFd passed;   // passed_packets; empty without rules
  UniqueFd wakes;    // wake_stamps; empty of an object file, or of a program of an earlier version
  UniqueFd program;  // as attached; empty where it was joined, or is of an object file
  std::optional<steer_options> steering;
  uint32_t program_id = 0;
  bool native = false;
  bool joined = false;
  int bound_to = 0;          // index of the interface that the program asks about packets; 0: it asks nobody, or was joined
  bound_options bound = {};  // what it asks; of one that was joined too
  std::string fallback_reason;
};

// What may be the cause where the driver refuses native XDP with this errno; "" if it is for another reason. The kernel's own words
// (extended acknowledgements) do not come through bpf(2).
const char* NativeHint(int error);
// Automatic mode goes on generically.
bool MayFallBack(int error);

// Loads the object and attaches it. ALREADY_EXISTS if the interface has a program by now.
absl::StatusOr<AttachedLink> MakeLink(const std::string& interface, int ifindex, AttachMode mode, ProgramObject* object);

// Shares the link of `attached` if that is the program `object` stands for. Empty: it has no link, or is just going away.
absl::StatusOr<std::optional<AttachedLink>> JoinLink(const std::string& interface, int ifindex, AttachMode mode,
                                                     const AttachedProgram& attached, ProgramObject* object);

}  // namespace pollux::bpf

#endif  // BPF_ATTACHED_LINK_H_
