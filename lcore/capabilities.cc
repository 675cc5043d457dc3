// SPDX-License-Identifier: Apache-2.0
#include "lcore/capabilities.h"

#include <cstdint>
#include <fstream>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/strip.h>

namespace pollux::lcore {

std::vector<std::string> MissingCapabilities(std::span<const Capability> wanted) {
  std::ifstream status("/proc/thread-self/status");
  std::vector<std::string> missing;
  for (std::string line; std::getline(status, line);) {
    absl::string_view text = line;
    uint64_t effective = 0;
    if (!absl::ConsumePrefix(&text, "CapEff:") || !absl::SimpleHexAtoi(absl::StripAsciiWhitespace(text), &effective)) continue;
    for (const Capability& capability : wanted) {
      if ((effective >> capability.number & 1) == 0) missing.emplace_back(capability.name);
    }
  }
  return missing;
}

}  // namespace pollux::lcore
