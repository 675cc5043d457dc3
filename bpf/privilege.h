// SPDX-License-Identifier: Apache-2.0
// Errors that name the capability which is missing, and what needs none.
#ifndef BPF_PRIVILEGE_H_
#define BPF_PRIVILEGE_H_

#include <initializer_list>
#include <string>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace pollux::bpf {

// Those of `capabilities` (CAP_* of linux/capability.h) that this thread lacks: "CAP_BPF and CAP_NET_ADMIN", or nothing.
std::string MissingCapabilities(std::initializer_list<int> capabilities);

// lcore::ErrnoStatus; for EPERM and EACCES the hint is which of `capabilities` are missing.
absl::Status CallStatus(int error, absl::string_view call, std::initializer_list<int> capabilities, absl::string_view hint = "");

// Whether whoever holds the descriptor of a map or program may use it without any capability: from Linux 5.19 on, and before where
// kernel.unprivileged_bpf_disabled is 0.
bool DescriptorsSuffice();

}  // namespace pollux::bpf

#endif  // BPF_PRIVILEGE_H_
