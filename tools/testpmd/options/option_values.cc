// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/option_values.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

namespace pollux::testpmd {
namespace {

constexpr std::size_t kMaximumSegments = 255;  // DPDK's RTE_MAX_SEGS_PER_PKT
constexpr uint64_t kMaximumSegment = 65535;

bool ParseDigits(absl::string_view text, int base, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsHexadecimal(absl::string_view text) {
  return absl::StartsWith(text, "0x") || absl::StartsWith(text, "0X");
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

absl::StatusOr<std::vector<std::size_t>> ParseNumberList(absl::string_view text, std::size_t maximum) {
  std::vector<std::size_t> numbers;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> range = absl::StrSplit(part, absl::MaxSplits('-', 1));
    absl::StatusOr<uint64_t> first = ParseNumber(range.first, 0, maximum);
    if (!first.ok()) return first.status();
    uint64_t last = *first;
    if (part.find('-') != absl::string_view::npos) {
      absl::StatusOr<uint64_t> end = ParseNumber(range.second, *first, maximum);
      if (!end.ok()) return end.status();
      last = *end;
    }
    for (uint64_t number = *first; number <= last; ++number) {
      if (std::find(numbers.begin(), numbers.end(), number) != numbers.end()) {
        return absl::InvalidArgumentError(absl::StrCat("'", text, "': ", number, " stands there twice"));
      }
      numbers.push_back(number);
    }
  }
  return numbers;
}

absl::StatusOr<std::vector<std::size_t>> ParseBitMask(absl::string_view text) {
  uint64_t mask = 0;
  if (!ParseDigits(IsHexadecimal(text) ? text.substr(2) : text, 16, mask) || mask == 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "': a hexadecimal mask with a bit set is expected, such as 0x3"));
  }
  std::vector<std::size_t> bits;
  for (std::size_t bit = 0; bit < 64; ++bit) {
    if ((mask >> bit & 1) != 0) bits.push_back(bit);
  }
  return bits;
}

absl::StatusOr<bool> ParseOnOff(absl::string_view text) {
  if (text == "on") return true;
  if (text == "off") return false;
  return absl::InvalidArgumentError(absl::StrCat("'", text, "': on or off is expected"));
}

absl::StatusOr<std::vector<std::size_t>> ParseSegments(absl::string_view text) {
  std::vector<std::size_t> segments;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    absl::StatusOr<uint64_t> length = ParseNumber(part, 1, kMaximumSegment);
    if (!length.ok()) return length.status();
    segments.push_back(*length);
  }
  if (segments.size() > kMaximumSegments) {
    return absl::InvalidArgumentError(absl::StrCat(segments.size(), " segments; at most ", kMaximumSegments, " are allowed"));
  }
  return segments;
}

absl::StatusOr<std::pair<std::size_t, pmd::MacAddress>> ParsePeer(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits(',', 1));
  absl::StatusOr<uint64_t> port = ParseNumber(parts.first, 0, 31);
  if (!port.ok()) return port.status();
  std::optional<pmd::MacAddress> mac = pmd::MacAddress::Parse(parts.second);
  if (!mac.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat("'", parts.second, "': a MAC address is expected, such as 02:00:5E:10:00:00"));
  }
  return std::make_pair(static_cast<std::size_t>(*port), *mac);
}

absl::StatusOr<std::pair<uint32_t, uint32_t>> ParseAddressPair(absl::string_view text) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits(',', 1));
  in_addr source{};
  in_addr destination{};
  if (inet_pton(AF_INET, parts.first.c_str(), &source) != 1 || inet_pton(AF_INET, parts.second.c_str(), &destination) != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "': two IPv4 addresses with a comma between them are expected, such as 198.18.0.1,198.18.0.2"));
  }
  return std::make_pair(ntohl(source.s_addr), ntohl(destination.s_addr));
}

}  // namespace pollux::testpmd
