// SPDX-License-Identifier: Apache-2.0
// Numbers, lists of numbers, masks and MAC addresses as people type them: one way to read each, for options, rules and commands.
#ifndef LCORE_PARSE_NUMBER_H_
#define LCORE_PARSE_NUMBER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::lcore {

// Decimal, or hexadecimal behind 0x; no sign and no blank. INVALID_ARGUMENT: "'x': a number from 1 to 512 is expected".
absl::StatusOr<uint64_t> ParseNumber(absl::string_view text, uint64_t minimum, uint64_t maximum);

// "0-3,8": numbers below `limit` and rising ranges, in the order given, repeated ones too; blanks around them are fine. `what` names such a
// number in errors ("a CPU number"), which are INVALID_ARGUMENT with the text, the position (counted from 1) and what is allowed there.
absl::StatusOr<std::vector<unsigned>> ParseNumberList(absl::string_view text, absl::string_view what, unsigned limit);

// A hexadecimal mask, with or without 0x: the numbers of its bits, rising, all below `limit`, at least one. `what` is one of them: "CPU".
absl::StatusOr<std::vector<unsigned>> ParseBitMask(absl::string_view text, absl::string_view what, unsigned limit);

// Six hexadecimal pairs with ':' or '-' between them.
std::optional<std::array<uint8_t, 6>> ParseMac(absl::string_view text);

}  // namespace pollux::lcore

#endif  // LCORE_PARSE_NUMBER_H_
