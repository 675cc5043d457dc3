// SPDX-License-Identifier: Apache-2.0
// A map's name in a BPF file system, for programs that know it by path.
#ifndef BPF_PINNED_MAP_H_
#define BPF_PINNED_MAP_H_

#include <sys/types.h>

#include <string>

#include <absl/status/status.h>

namespace pollux::bpf {

// Pins the map for `owner` alone. What is there of an ended process, a map of the same name, is replaced; anything else is
// ALREADY_EXISTS. FAILED_PRECONDITION if the path is not below a BPF file system.
absl::Status PinMap(int map, const std::string& path, uid_t owner);

}  // namespace pollux::bpf

#endif  // BPF_PINNED_MAP_H_
