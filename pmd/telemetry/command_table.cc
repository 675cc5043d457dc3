// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry/command_table.h"

#include <utility>

#include <nlohmann/json.hpp>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>

namespace pollux::pmd::telemetry {
namespace {

// As a JSON string; bytes that are no UTF-8 are replaced.
std::string Quoted(absl::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Up to the first NUL, which some clients send with it.
absl::string_view WithoutEnd(absl::string_view request) {
  return absl::StripAsciiWhitespace(request.substr(0, request.find('\0')));
}

}  // namespace

CommandTable::CommandTable() {
  Add("/", "Returns the names of all commands. No parameters", [this](absl::string_view) { return List(); });
  Add("/help", "Returns the help of a command. Parameters: string command",
      [this](absl::string_view parameters) { return Help(parameters); });
}

void CommandTable::Add(std::string name, std::string help, Handler handler) {
  commands_[std::move(name)] = {std::move(help), std::move(handler)};
}

std::string CommandTable::Answer(absl::string_view request) const {
  request = WithoutEnd(request);
  const std::size_t comma = request.find(',');
  const absl::string_view name = request.substr(0, comma);
  const absl::string_view parameters = comma == absl::string_view::npos ? "" : request.substr(comma + 1);
  const auto entry = commands_.find(std::string(name));
  absl::StatusOr<std::string> value = absl::NotFoundError("no such command; / lists them");
  if (entry != commands_.end()) value = entry->second.handler(parameters);
  if (value.ok()) return absl::StrCat("{", Quoted(name), ":", *value, "}");
  return absl::StrCat("{", Quoted(name), ":null,\"error\":", Quoted(value.status().message()), "}");
}

absl::StatusOr<std::string> CommandTable::List() const {
  nlohmann::json names = nlohmann::json::array();
  for (const auto& [name, command] : commands_) names.push_back(name);
  return names.dump();
}

absl::StatusOr<std::string> CommandTable::Help(absl::string_view parameters) const {
  const std::string name(parameters.empty() ? "/help" : parameters);
  const auto entry = commands_.find(name);
  if (entry == commands_.end()) return absl::NotFoundError(absl::StrCat("'", name, "': no such command; / lists them"));
  return nlohmann::json{{name, entry->second.help}}.dump();
}

}  // namespace pollux::pmd::telemetry
