// SPDX-License-Identifier: Apache-2.0
#include "lcore/core_set.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/text_scanner.h"

namespace pollux::lcore {

CoreSet::CoreSet(std::initializer_list<unsigned> cpus) {
  for (const unsigned cpu : cpus) Add(cpu);
}

absl::StatusOr<CoreSet> CoreSet::Parse(absl::string_view text) {
  TextScanner scanner(text);
  CoreSet set;
  do {
    const absl::StatusOr<TextScanner::Range> range = scanner.TakeRange("a CPU number", kMaxCpus, TextScanner::FallingRange::kError);
    if (!range.ok()) return range.status();
    for (unsigned cpu = range->first; cpu <= range->last; ++cpu) set.Add(cpu);
  } while (scanner.Take(','));
  if (!scanner.AtEnd()) return scanner.Unexpected("',', '-' or the end of the list");
  return set;
}

absl::StatusOr<CoreSet> CoreSet::ParseHexMask(absl::string_view text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  const std::size_t prefix = absl::StartsWith(trimmed, "0x") || absl::StartsWith(trimmed, "0X") ? 2 : 0;
  const absl::string_view digits = trimmed.substr(prefix);
  if (digits.empty())
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": no digits; expected a hexadecimal mask of CPUs, as 0xf"));
  CoreSet set;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const char digit = absl::ascii_tolower(digits[i]);
    if (!absl::ascii_isxdigit(digit)) {
      const std::size_t position = static_cast<std::size_t>(digits.data() - text.data()) + i + 1;
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\": '", digits.substr(i, 1), "' at position ", position, "; expected a hexadecimal digit"));
    }
    const unsigned value = absl::ascii_isdigit(digit) ? digit - '0' : digit - 'a' + 10;
    const std::size_t lowest_cpu = (digits.size() - 1 - i) * 4;
    for (unsigned bit = 0; bit < 4; ++bit) {
      if ((value >> bit & 1) == 0) continue;
      if (lowest_cpu + bit >= kMaxCpus) {
        return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": names CPU ", lowest_cpu + bit, "; the last is ", kMaxCpus - 1));
      }
      set.Add(static_cast<unsigned>(lowest_cpu) + bit);
    }
  }
  if (set.empty()) return absl::InvalidArgumentError(absl::StrCat("\"", text, "\": no CPU in the mask; expected at least one bit set"));
  return set;
}

std::string CoreSet::ToString() const {
  std::string text;
  for (unsigned cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (!Contains(cpu)) continue;
    const unsigned first = cpu;
    while (Contains(cpu + 1)) ++cpu;
    absl::StrAppend(&text, text.empty() ? "" : ",", first);
    if (cpu != first) absl::StrAppend(&text, "-", cpu);
  }
  return text;
}

std::vector<unsigned> CoreSet::cpus() const {
  std::vector<unsigned> numbers;
  for (unsigned cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (Contains(cpu)) numbers.push_back(cpu);
  }
  return numbers;
}

}  // namespace pollux::lcore
