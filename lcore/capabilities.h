// SPDX-License-Identifier: Apache-2.0
// Which of a list of capabilities (capabilities(7)) this thread lacks.
#ifndef LCORE_CAPABILITIES_H_
#define LCORE_CAPABILITIES_H_

#include <span>
#include <string>
#include <vector>

namespace pollux::lcore {

struct Capability {
  int number;        // CAP_NET_ADMIN
  const char* name;  // "CAP_NET_ADMIN"
};

// The names of those that are not in effect; empty where /proc does not tell.
std::vector<std::string> MissingCapabilities(std::span<const Capability> wanted);

}  // namespace pollux::lcore

#endif  // LCORE_CAPABILITIES_H_
