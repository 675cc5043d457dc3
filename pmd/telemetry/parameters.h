// SPDX-License-Identifier: Apache-2.0
// What stands behind a command's comma, as numbers, and the port that one of them names.
#ifndef PMD_TELEMETRY_PARAMETERS_H_
#define PMD_TELEMETRY_PARAMETERS_H_

#include <cstddef>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>
#include <nlohmann/json.hpp>

#include "pmd/process_view.h"

namespace pollux::pmd::telemetry {

// Exactly `names.size()` numbers, separated by commas. INVALID_ARGUMENT says which of `names` is missing or no number.
absl::StatusOr<std::vector<std::size_t>> ParseNumbers(absl::string_view parameters, const std::vector<std::string>& names);

// NOT_FOUND names the ports that there are.
absl::StatusOr<PortView> FindPort(const ProcessView& view, std::size_t number);
// Of a command whose only parameter is the port.
absl::StatusOr<PortView> ParsePort(const ProcessView& view, absl::string_view parameters);

// Interface names may be any bytes; what is no UTF-8 is replaced.
std::string JsonText(const nlohmann::json& value);

}  // namespace pollux::pmd::telemetry

#endif  // PMD_TELEMETRY_PARAMETERS_H_
