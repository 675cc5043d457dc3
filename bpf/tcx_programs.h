// SPDX-License-Identifier: Apache-2.0
// What is attached to TC ingress of an interface by tcx links: our own programs there belong to ports with attach=tc.
#ifndef BPF_TCX_PROGRAMS_H_
#define BPF_TCX_PROGRAMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::bpf {

inline constexpr char kTcRedirectProgram[] = "pollux_tc";

// Their ids. UNIMPLEMENTED: a kernel before 6.6, which has no such links.
absl::StatusOr<std::vector<uint32_t>> TcxPrograms(const std::string& interface, int ifindex);

// ALREADY_EXISTS if a port with attach=tc is there, of this process or another; else as TcxPrograms.
absl::Status CheckNoTcPort(const std::string& interface, int ifindex);

}  // namespace pollux::bpf

#endif  // BPF_TCX_PROGRAMS_H_
