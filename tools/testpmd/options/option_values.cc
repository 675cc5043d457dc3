// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/option_values.h"

#include <arpa/inet.h>

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "lcore/core_set.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kMaximumSegments = 255;  // DPDK's RTE_MAX_SEGS_PER_PKT
constexpr uint64_t kMaximumSegment = 65535;

absl::StatusOr<std::vector<std::size_t>> Widened(const absl::StatusOr<std::vector<unsigned>>& numbers) {
  if (!numbers.ok()) return numbers.status();
  return std::vector<std::size_t>(numbers->begin(), numbers->end());
}

}  // namespace

absl::StatusOr<std::vector<std::size_t>> ParsePortList(absl::string_view text) {
  const absl::StatusOr<std::vector<unsigned>> ports = lcore::ParseNumberList(text, "a port", kMaximumPorts);
  if (!ports.ok()) return ports.status();
  std::vector<std::size_t> numbers;
  for (unsigned port : *ports) {
    if (std::find(numbers.begin(), numbers.end(), port) != numbers.end()) {
      return absl::InvalidArgumentError(absl::StrCat("'", text, "': ", port, " stands there twice"));
    }
    numbers.push_back(port);
  }
  return numbers;
}

absl::StatusOr<std::vector<std::size_t>> ParsePortMask(absl::string_view text) {
  return Widened(lcore::ParseBitMask(text, "port", kMaximumPorts));
}

absl::StatusOr<std::vector<std::size_t>> ParseLcoreList(absl::string_view text) {
  const absl::StatusOr<lcore::CoreSet> lcores = lcore::CoreSet::Parse(text);
  return lcores.ok() ? Widened(lcores->cpus()) : lcores.status();
}

absl::StatusOr<std::vector<std::size_t>> ParseLcoreMask(absl::string_view text) {
  const absl::StatusOr<lcore::CoreSet> lcores = lcore::CoreSet::ParseHexMask(text);
  return lcores.ok() ? Widened(lcores->cpus()) : lcores.status();
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
  absl::StatusOr<uint64_t> port = ParseNumber(parts.first, 0, kMaximumPorts - 1);
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
