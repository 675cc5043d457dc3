// SPDX-License-Identifier: Apache-2.0
#include "pmd/other_addresses.h"

#include <cstdint>

namespace pollux::pmd {
namespace {

uint8_t Load8(const std::byte* field) {
  return static_cast<uint8_t>(*field);
}

}  // namespace

bool HasOtherDestination(std::span<const std::byte> options) {
  constexpr uint8_t kEnd = 0, kNoOperation = 1, kLooseSourceRoute = 131, kStrictSourceRoute = 137;
  while (!options.empty() && Load8(&options[0]) != kEnd) {
    const uint8_t type = Load8(&options[0]);
    if (type == kNoOperation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return true;  // malformed
    const uint8_t length = Load8(&options[1]);
    if (length < 2 || length > options.size()) return true;
    const bool route = type == kLooseSourceRoute || type == kStrictSourceRoute;
    if (route && (length < 3 || Load8(&options[2]) <= length)) return true;
    options = options.subspan(length);
  }
  return false;
}

bool HasOtherSource(std::span<const std::byte> options) {
  constexpr uint8_t kPadding = 0, kHomeAddress = 201;
  while (!options.empty()) {
    const uint8_t type = Load8(&options[0]);
    if (type == kPadding) {
      options = options.subspan(1);
      continue;
    }
    if (type == kHomeAddress || options.size() < 2 || options.size() < std::size_t{2} + Load8(&options[1])) return true;
    options = options.subspan(std::size_t{2} + Load8(&options[1]));
  }
  return false;
}

}  // namespace pollux::pmd
