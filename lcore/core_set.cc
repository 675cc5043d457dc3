// SPDX-License-Identifier: Apache-2.0
#include "lcore/core_set.h"

#include <absl/strings/str_cat.h>

#include "lcore/parse_number.h"

namespace pollux::lcore {

namespace {

absl::StatusOr<CoreSet> Of(const absl::StatusOr<std::vector<unsigned>>& cpus) {
  if (!cpus.ok()) return cpus.status();
  CoreSet set;
  for (const unsigned cpu : *cpus) set.Add(cpu);
  return set;
}

}  // namespace

CoreSet::CoreSet(std::initializer_list<unsigned> cpus) {
  for (const unsigned cpu : cpus) Add(cpu);
}

absl::StatusOr<CoreSet> CoreSet::Parse(absl::string_view text) {
  return Of(ParseNumberList(text, "a CPU number", kMaxCpus));
}

absl::StatusOr<CoreSet> CoreSet::ParseHexMask(absl::string_view text) {
  return Of(ParseBitMask(text, "CPU", kMaxCpus));
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
