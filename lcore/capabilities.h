// SPDX-License-Identifier: Apache-2.0
// Capabilities of this thread (capabilities(7)): which it lacks, and giving them away.
#ifndef LCORE_CAPABILITIES_H_
#define LCORE_CAPABILITIES_H_

#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>

namespace pollux::lcore {

struct Capability {
  int number;        // CAP_NET_ADMIN
  const char* name;  // "CAP_NET_ADMIN"
};

// The names of those that are not in effect; empty where /proc does not tell.
std::vector<std::string> MissingCapabilities(std::span<const Capability> wanted);

// Gives away every capability of this thread but `kept` (CAP_* of linux/capability.h), for good, and the right to get any by executing a
// program. Other threads keep theirs; those made by this one afterwards have what is left. What the thread lacks it does not get.
absl::Status KeepCapabilities(const std::vector<int>& kept);

}  // namespace pollux::lcore

#endif  // LCORE_CAPABILITIES_H_
