// SPDX-License-Identifier: Apache-2.0
#include "pmd/rx_metadata.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

namespace pollux::pmd {
namespace {

constexpr std::array<std::pair<const char*, uint32_t>, 3> kKinds = {
    {{"timestamp", RxMetadata::kTimestamp}, {"hash", RxMetadata::kHash}, {"vlan", RxMetadata::kVlanTag}}};

constexpr std::array<std::pair<const char*, uint32_t>, 6> kHashTypes = {{{"IPv4", RxMetadata::kHashOfIpv4},
                                                                         {"IPv6", RxMetadata::kHashOfIpv6},
                                                                         {"TCP", RxMetadata::kHashOfTcp},
                                                                         {"UDP", RxMetadata::kHashOfUdp},
                                                                         {"SCTP", RxMetadata::kHashOfSctp},
                                                                         {"ports", RxMetadata::kHashOfPorts}}};

template <typename Names>
std::vector<std::string> NamesOf(const Names& names, uint32_t bits) {
  std::vector<std::string> found;
  for (const auto& [name, bit] : names) {
    if ((bits & bit) != 0) found.emplace_back(name);
  }
  return found;
}

}  // namespace

absl::StatusOr<uint32_t> ParseRxMetadataKinds(absl::string_view text) {
  absl::string_view words = text;
  if (words.size() >= 2 && words.front() == '[' && words.back() == ']') words = words.substr(1, words.size() - 2);
  uint32_t kinds = 0;
  for (const absl::string_view word : absl::StrSplit(words, ',')) {
    const auto* const kind = std::find_if(kKinds.begin(), kKinds.end(), [word](const auto& known) { return known.first == word; });
    if (kind == kKinds.end()) {
      return absl::InvalidArgumentError(absl::StrCat("'", word, "' in '", text, "': must be timestamp, hash, vlan, or several of them"));
    }
    kinds |= kind->second;
  }
  return kinds;
}

std::string DescribeRxMetadataKinds(uint32_t kinds) {
  const std::vector<std::string> names = NamesOf(kKinds, kinds);
  return names.empty() ? "none" : absl::StrJoin(names, ", ");
}

std::string DescribeRxMetadata(const RxMetadata& metadata) {
  std::vector<std::string> words;
  if (metadata.has(RxMetadata::kTimestamp)) {
    constexpr uint64_t kSecond = 1'000'000'000;
    words.push_back(absl::StrFormat("timestamp=%u.%09u", metadata.timestamp_ns / kSecond, metadata.timestamp_ns % kSecond));
  }
  if (metadata.has(RxMetadata::kHash)) {
    const std::string types = absl::StrJoin(NamesOf(kHashTypes, metadata.hash_type), " ");
    words.push_back(absl::StrFormat("hash=0x%08x%s", metadata.hash, types.empty() ? "" : absl::StrCat(" (", types, ")")));
  }
  if (metadata.has(RxMetadata::kVlanTag)) {
    words.push_back(
        absl::StrFormat("vlan=0x%04x/%u/%u", metadata.vlan_protocol, metadata.vlan_control & 0xfff, metadata.vlan_control >> 13));
  }
  return absl::StrJoin(words, " ");
}

}  // namespace pollux::pmd
