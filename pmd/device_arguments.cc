// SPDX-License-Identifier: Apache-2.0
#include "pmd/device_arguments.h"

#include <algorithm>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "lcore/parse_number.h"

namespace pollux::pmd {
namespace {

char ClosingOf(char opening) {
  switch (opening) {
    case '(':
      return ')';
    case '[':
      return ']';
    case '{':
      return '}';
    default:
      return '\0';
  }
}

absl::Status SyntaxError(absl::string_view text, std::size_t position, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("device \"", absl::CHexEscape(text), "\", character ", position + 1, ": ", what, "; expected NAME[,KEY=VALUE]..."));
}

// Returns where the field that starts at `start` ends: at the next comma outside of brackets and quotes, or at the end.
absl::StatusOr<std::size_t> FieldEnd(absl::string_view text, std::size_t start) {
  std::vector<std::pair<char, std::size_t>> open;  // the closing character that is due, and where its opening one stands
  for (std::size_t position = start; position < text.size(); ++position) {
    const char character = text[position];
    if (absl::ascii_iscntrl(static_cast<unsigned char>(character))) return SyntaxError(text, position, "control character");
    if (!open.empty() && open.back().first == character) {
      open.pop_back();
    } else if (!open.empty() && open.back().first == '"') {
      continue;
    } else if (character == '"') {
      open.emplace_back('"', position);
    } else if (const char closing = ClosingOf(character); closing != '\0') {
      open.emplace_back(closing, position);
    } else if (character == ')' || character == ']' || character == '}') {
      return SyntaxError(text, position, absl::StrCat("'", text.substr(position, 1), "' closes nothing"));
    } else if (character == ',' && open.empty()) {
      return position;
    }
  }
  if (open.empty()) return text.size();
  const std::size_t position = open.back().second;
  return SyntaxError(text, position, absl::StrCat("'", text.substr(position, 1), "' is never closed"));
}

bool IsWord(absl::string_view text) {
  const auto is_word = [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.' || c == ':'; };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_word);
}

std::string Unquoted(absl::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.find('"', 1) == value.size() - 1;
  return std::string(quoted ? value.substr(1, value.size() - 2) : value);
}

}  // namespace

absl::StatusOr<DeviceArguments> DeviceArguments::Parse(absl::string_view text) {
  DeviceArguments result;
  std::size_t start = 0;
  for (bool first = true; first || start <= text.size(); first = false) {
    const absl::StatusOr<std::size_t> end = FieldEnd(text, start);
    if (!end.ok()) return end.status();
    const absl::string_view field = text.substr(start, *end - start);
    if (first) {
      if (!IsWord(field)) return SyntaxError(text, start, "a name of letters, digits and _-.: must stand here");
      result.name_ = std::string(field);
    } else if (!field.empty()) {  // DPDK takes ",,", and a comma at the end, as nothing
      const std::size_t equals = field.find('=');
      const absl::string_view key = field.substr(0, equals);
      if (!IsWord(key)) return SyntaxError(text, start, "a key of letters, digits and _-.: must stand here");
      Argument argument;
      argument.key = std::string(key);
      argument.has_value = equals != absl::string_view::npos;
      if (argument.has_value) argument.value = Unquoted(field.substr(equals + 1));
      result.arguments_.push_back(std::move(argument));
    }
    start = *end + 1;
  }
  return result;
}

absl::StatusOr<std::string> DeviceArguments::TakeText(absl::string_view key, absl::string_view fallback) {
  const absl::StatusOr<const Argument*> argument = Take(key);
  if (!argument.ok()) return argument.status();
  if (*argument == nullptr) return std::string(fallback);
  if ((*argument)->value.empty()) return Malformed(**argument, "a text that is not empty");
  return (*argument)->value;
}

absl::StatusOr<uint64_t> DeviceArguments::TakeNumber(absl::string_view key, uint64_t fallback, uint64_t minimum, uint64_t maximum) {
  const absl::StatusOr<const Argument*> argument = Take(key);
  if (!argument.ok()) return argument.status();
  if (*argument == nullptr) return fallback;
  const absl::StatusOr<uint64_t> number = lcore::ParseNumber((*argument)->value, minimum, maximum);
  if (!number.ok()) return Malformed(**argument, absl::StrCat("a number from ", minimum, " to ", maximum));
  return number;
}

absl::StatusOr<bool> DeviceArguments::TakeFlag(absl::string_view key, bool fallback) {
  const absl::StatusOr<const Argument*> argument = Take(key);
  if (!argument.ok()) return argument.status();
  if (*argument == nullptr) return fallback;
  if (!(*argument)->has_value || (*argument)->value == "1") return true;
  if ((*argument)->value == "0") return false;
  return Malformed(**argument, "0 or 1");
}

absl::StatusOr<std::string> DeviceArguments::TakeChoice(absl::string_view key, absl::string_view fallback,
                                                        const std::vector<std::string>& choices) {
  const absl::StatusOr<const Argument*> argument = Take(key);
  if (!argument.ok()) return argument.status();
  if (*argument == nullptr) return std::string(fallback);
  if (std::find(choices.begin(), choices.end(), (*argument)->value) == choices.end()) {
    return Malformed(**argument, absl::StrCat("one of ", absl::StrJoin(choices, ", ")));
  }
  return (*argument)->value;
}

std::vector<std::string> DeviceArguments::TakeAll(absl::string_view key) {
  Ask(key);
  std::vector<std::string> values;
  for (Argument& argument : arguments_) {
    if (argument.key != key) continue;
    argument.taken = true;
    values.push_back(argument.value);
  }
  return values;
}

bool DeviceArguments::Has(absl::string_view key) const {
  return std::any_of(arguments_.begin(), arguments_.end(), [key](const Argument& argument) { return argument.key == key; });
}

absl::Status DeviceArguments::Finish() const {
  std::vector<std::string> unknown;
  for (const Argument& argument : arguments_) {
    if (!argument.taken) unknown.push_back(argument.key);
  }
  if (unknown.empty()) return absl::OkStatus();
  const std::string known = asked_.empty() ? "it takes none" : absl::StrCat("it takes ", absl::StrJoin(asked_, ", "));
  return absl::InvalidArgumentError(absl::StrCat(name_, ": unknown key ", absl::StrJoin(unknown, ", "), "; ", known));
}

absl::StatusOr<const DeviceArguments::Argument*> DeviceArguments::Take(absl::string_view key) {
  Ask(key);
  Argument* found = nullptr;
  for (Argument& argument : arguments_) {
    if (argument.key != key) continue;
    if (found != nullptr) return absl::InvalidArgumentError(absl::StrCat(name_, ": key ", key, " stands more than once; give it once"));
    found = &argument;
  }
  if (found != nullptr) found->taken = true;
  return found;
}

void DeviceArguments::Ask(absl::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
}

absl::Status DeviceArguments::Malformed(const Argument& argument, absl::string_view allowed) const {
  return absl::InvalidArgumentError(
      absl::StrCat(name_, ": ", argument.key, argument.has_value ? "=" : "", argument.value, ": must be ", allowed));
}

}  // namespace pollux::pmd
