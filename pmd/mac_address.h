// SPDX-License-Identifier: Apache-2.0
// MacAddress: six bytes and their text.
#ifndef PMD_MAC_ADDRESS_H_
#define PMD_MAC_ADDRESS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <absl/strings/string_view.h>

namespace pollux::pmd {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  bool operator==(const MacAddress&) const = default;
  bool is_multicast() const { return (bytes[0] & 1) != 0; }

  // "02:00:5E:10:00:00", upper case as DPDK prints it.
  std::string ToString() const;
  // Accepts six hexadecimal pairs with ':' or '-' between them.
  static std::optional<MacAddress> Parse(absl::string_view text);
};

}  // namespace pollux::pmd

#endif  // PMD_MAC_ADDRESS_H_
