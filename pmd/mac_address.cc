// SPDX-License-Identifier: Apache-2.0
#include "pmd/mac_address.h"

#include <charconv>

#include <absl/strings/str_format.h>

namespace pollux::pmd {

std::string MacAddress::ToString() const {
  return absl::StrFormat("%02X:%02X:%02X:%02X:%02X:%02X", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

std::optional<MacAddress> MacAddress::Parse(absl::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress address;
  for (size_t index = 0; index < 6; ++index) {
    const char* pair = text.data() + 3 * index;
    const auto [end, error] = std::from_chars(pair, pair + 2, address.bytes[index], 16);
    if (error != std::errc() || end != pair + 2) return std::nullopt;
    if (index < 5 && pair[2] != ':' && pair[2] != '-') return std::nullopt;
  }
  return address;
}

}  // namespace pollux::pmd
