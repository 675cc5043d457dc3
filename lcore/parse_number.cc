// SPDX-License-Identifier: Apache-2.0
#include "lcore/parse_number.h"

#include <algorithm>
#include <charconv>

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/text_scanner.h"

namespace pollux::lcore {
namespace {

bool IsHexadecimal(absl::string_view text) {
  return absl::StartsWith(text, "0x") || absl::StartsWith(text, "0X");
}

// The whole text, in this base.
template <typename Number>
bool ParseDigits(absl::string_view text, int base, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

absl::StatusOr<uint64_t> ParseNumber(absl::string_view text, uint64_t minimum, uint64_t maximum) {
  uint64_t value = 0;
  const bool hexadecimal = IsHexadecimal(text);
  const bool valid = ParseDigits(hexadecimal ? text.substr(2) : text, hexadecimal ? 16 : 10, value);
  if (!valid || value < minimum || value > maximum) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "': a number from ", minimum, " to ", maximum, " is expected"));
  }
  return value;
}

absl::StatusOr<std::vector<unsigned>> ParseNumberList(absl::string_view text, absl::string_view what, unsigned limit) {
  TextScanner scanner(text);
  std::vector<unsigned> numbers;
  do {
    const absl::StatusOr<TextScanner::Range> range = scanner.TakeRange(what, limit, TextScanner::FallingRange::kError);
    if (!range.ok()) return range.status();
    for (unsigned number = range->first; number <= range->last; ++number) numbers.push_back(number);
  } while (scanner.Take(','));
  if (!scanner.AtEnd()) return scanner.Unexpected("',', '-' or the end of the list");
  return numbers;
}

absl::StatusOr<std::vector<unsigned>> ParseBitMask(absl::string_view text, absl::string_view what, unsigned limit) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  const absl::string_view digits = trimmed.substr(IsHexadecimal(trimmed) ? 2 : 0);
  if (digits.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": no digits; expected a hexadecimal mask of ", what, "s, as 0xf"));
  }
  std::vector<unsigned> bits;
  for (std::size_t i = digits.size(); i-- > 0;) {
    unsigned value = 0;
    if (!ParseDigits(digits.substr(i, 1), 16, value)) {
      const std::size_t position = static_cast<std::size_t>(digits.data() - text.data()) + i + 1;
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\": '", digits.substr(i, 1), "' at position ", position, "; expected a hexadecimal digit"));
    }
    const std::size_t lowest = (digits.size() - 1 - i) * 4;
    for (unsigned bit = 0; bit < 4; ++bit) {
      if ((value >> bit & 1) == 0) continue;
      if (lowest + bit >= limit) {
        return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": names ", what, " ", lowest + bit, "; the last is ", limit - 1));
      }
      bits.push_back(static_cast<unsigned>(lowest) + bit);
    }
  }
  if (bits.empty())
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": no ", what, " in the mask; expected at least one bit set"));
  return bits;
}

std::optional<std::array<uint8_t, 6>> ParseMac(absl::string_view text) {
  if (text.size() != 17) return std::nullopt;
  std::array<uint8_t, 6> bytes{};
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    if (!ParseDigits(text.substr(3 * index, 2), 16, bytes[index])) return std::nullopt;
    if (index + 1 < bytes.size() && text[3 * index + 2] != ':' && text[3 * index + 2] != '-') return std::nullopt;
  }
  return bytes;
}

}  // namespace pollux::lcore
