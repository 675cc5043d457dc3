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

#include "lcore/parse_number.h"
#include "pmd/mac_address.h"

namespace pollux::testpmd {

inline constexpr std::size_t kMaximumPorts = 64;

using lcore::ParseNumber;

// "0,2-4": in the order given, no port twice.
absl::StatusOr<std::vector<std::size_t>> ParsePortList(absl::string_view text);
// Hexadecimal with or without 0x: the numbers of its bits, ascending; at least one.
absl::StatusOr<std::vector<std::size_t>> ParsePortMask(absl::string_view text);
// The same for lcores, in ascending order.
absl::StatusOr<std::vector<std::size_t>> ParseLcoreList(absl::string_view text);
absl::StatusOr<std::vector<std::size_t>> ParseLcoreMask(absl::string_view text);
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
