// SPDX-License-Identifier: Apache-2.0
#include "pmd/mac_address.h"

#include <absl/strings/str_format.h>

#include "lcore/parse_number.h"

namespace pollux::pmd {

std::string MacAddress::ToString() const {
  return absl::StrFormat("%02X:%02X:%02X:%02X:%02X:%02X", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

std::optional<MacAddress> MacAddress::Parse(absl::string_view text) {
  const auto bytes = lcore::ParseMac(text);
  return bytes.has_value() ? std::optional<MacAddress>(MacAddress{*bytes}) : std::nullopt;
}

}  // namespace pollux::pmd
