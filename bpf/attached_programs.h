// SPDX-License-Identifier: Apache-2.0
// AttachedPrograms() of xdp_program.h by interface index, and its words for an error.
#ifndef BPF_ATTACHED_PROGRAMS_H_
#define BPF_ATTACHED_PROGRAMS_H_

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "bpf/xdp_program.h"

namespace pollux::bpf {

absl::StatusOr<std::vector<AttachedProgram>> AttachedProgramsByIndex(const std::string& interface, int ifindex);

// NOT_FOUND if there is no such interface in this network namespace.
absl::StatusOr<int> InterfaceIndex(const std::string& interface);

// "'xdp_pass' (id 42, native)"
std::string Describe(const AttachedProgram& program);

}  // namespace pollux::bpf

#endif  // BPF_ATTACHED_PROGRAMS_H_
