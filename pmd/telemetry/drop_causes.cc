// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry/drop_causes.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>

namespace pollux::pmd::telemetry {
namespace {

// "rx_q12_ring_full" -> "rx_ring_full"; other names as they are.
std::string WithoutQueue(const std::string& name) {
  constexpr std::size_t kDirection = 3;  // "rx_", "tx_"
  if (name.size() <= kDirection || name[kDirection] != 'q') return name;
  const std::size_t end = name.find_first_not_of("0123456789", kDirection + 1);
  if (end == kDirection + 1 || end == std::string::npos || name[end] != '_') return name;
  return absl::StrCat(name.substr(0, kDirection), name.substr(end + 1));
}

// A row of the drivers' tables that belongs to a total of losses (pmd/queue_counters.h, pmd/af_xdp/queue_pair.cc).
bool IsLoss(absl::string_view name) {
  if (absl::StartsWith(name, "tx_")) return absl::StrContains(name, "dropped_");
  if (absl::StartsWith(name, "rx_dropped") || name == "rx_discarded_at_stop") return true;
  return name == "rx_ring_full" || name == "rx_invalid_descriptors";
}

}  // namespace

std::map<std::string, uint64_t> DropCauses(const std::vector<NamedCounter>& counters) {
  std::map<std::string, uint64_t> causes;
  for (const NamedCounter& counter : counters) {
    const std::string name = WithoutQueue(counter.name);
    if (IsLoss(name)) causes[name] += counter.value;
  }
  return causes;
}

}  // namespace pollux::pmd::telemetry
