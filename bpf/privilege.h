// SPDX-License-Identifier: Apache-2.0
// Errors that name the capability which is missing.
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

// Gives away every capability of this thread but `capabilities`, for good, and the right to get any by executing a program. Before other
// threads are made: each has its own. Those that the thread lacks stay away.
absl::Status KeepCapabilities(std::initializer_list<int> capabilities);

}  // namespace pollux::bpf

#endif  // BPF_PRIVILEGE_H_
