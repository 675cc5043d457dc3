// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry/parameters.h"

#include <algorithm>
#include <cstdint>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "lcore/errno_status.h"
#include "lcore/parse_number.h"

namespace pollux::pmd::telemetry {

absl::StatusOr<std::vector<std::size_t>> ParseNumbers(absl::string_view parameters, const std::vector<std::string>& names) {
  const std::vector<absl::string_view> words = absl::StrSplit(parameters, ',');
  if (words.size() != names.size()) {
    return absl::InvalidArgumentError(absl::StrCat("'", parameters, "': ", absl::StrJoin(names, ","), " is expected"));
  }
  std::vector<std::size_t> numbers;
  for (std::size_t index = 0; index < names.size(); ++index) {
    const absl::string_view word = absl::StripAsciiWhitespace(words[index]);
    const auto number = lcore::ParseNumber(word, 0, UINT32_MAX);
    if (!number.ok()) return lcore::Annotate(number.status(), names[index]);
    numbers.push_back(*number);
  }
  return numbers;
}

absl::StatusOr<PortView> FindPort(const ProcessView& view, std::size_t number) {
  const std::vector<PortView> ports = view.Ports();
  const auto port = std::find_if(ports.begin(), ports.end(), [&](const PortView& each) { return each.number == number; });
  if (port != ports.end()) return *port;
  const auto number_of = [](std::string* out, const PortView& each) { absl::StrAppend(out, each.number); };
  return absl::NotFoundError(absl::StrCat("there is no port ", number, "; open are: ", absl::StrJoin(ports, ",", number_of)));
}

absl::StatusOr<PortView> ParsePort(const ProcessView& view, absl::string_view parameters) {
  const auto numbers = ParseNumbers(parameters, {"port"});
  if (!numbers.ok()) return numbers.status();
  return FindPort(view, numbers->front());
}

std::string JsonText(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace pollux::pmd::telemetry
