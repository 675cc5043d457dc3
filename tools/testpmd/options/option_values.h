// SPDX-License-Identifier: Apache-2.0
// Numbers, lists and masks as they stand on command lines and in console commands.
#ifndef TOOLS_TESTPMD_OPTIONS_OPTION_VALUES_H_
#define TOOLS_TESTPMD_OPTIONS_OPTION_VALUES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "pmd/mac_address.h"

namespace pollux::testpmd {

// Decimal, or hexadecimal behind 0x. INVALID_ARGUMENT: "'x': a number from 1 to 512 is expected".
absl::StatusOr<uint64_t> ParseNumber(absl::string_view text, uint64_t minimum, uint64_t maximum);
// "0,2-4": in the order given, no number twice.
absl::StatusOr<std::vector<std::size_t>> ParseNumberList(absl::string_view text, std::size_t maximum);
// Hexadecimal with or without 0x: the numbers of its bits, ascending; at least one.
absl::StatusOr<std::vector<std::size_t>> ParseBitMask(absl::string_view text);
// "on" or "off".
absl::StatusOr<bool> ParseOnOff(absl::string_view text);
// "64,128": segment lengths of --txpkts and `set txpkts`.
absl::StatusOr<std::vector<std::size_t>> ParseSegments(absl::string_view text);
// "1,02:00:5E:10:00:00": port and address of --eth-peer.
absl::StatusOr<std::pair<std::size_t, pmd::MacAddress>> ParsePeer(absl::string_view text);
// "198.18.0.1,198.18.0.2", to host byte order.
absl::StatusOr<std::pair<uint32_t, uint32_t>> ParseAddressPair(absl::string_view text);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_OPTIONS_OPTION_VALUES_H_
