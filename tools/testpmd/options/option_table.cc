// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/option_table.h"

#include <algorithm>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "tools/testpmd/options/nearest_name.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kHelpColumn = 34;

}  // namespace

void OptionTable::AddForeign(const std::vector<std::string>& names, std::string where) {
  foreign_names_ = names;
  foreign_where_ = std::move(where);
}

absl::Status OptionTable::Parse(const std::vector<std::string>& arguments, std::vector<std::string>* given) const {
  for (std::size_t index = 0; index < arguments.size(); ++index) {
    const std::string& argument = arguments[index];
    if (argument.size() < 2 || argument[0] != '-') {
      return absl::InvalidArgumentError(absl::StrCat("'", argument, "': not an option; options begin with a dash"));
    }
    Match match;
    if (absl::Status status = Find(argument, match); !status.ok()) return status;
    const OptionSpec& option = *match.option;
    if (given != nullptr) given->push_back(option.name);
    if (match.has_value && option.value == OptionValue::kNone) {
      return absl::InvalidArgumentError(absl::StrCat(argument, ": this option takes no value"));
    }
    if (!match.has_value && option.value == OptionValue::kRequired) {
      if (index + 1 == arguments.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat(argument, ": needs a value", option.placeholder.empty() ? "" : " ", option.placeholder));
      }
      match.value = arguments[++index];
    }
    if (absl::Status status = option.apply(match.value); !status.ok()) {
      const std::string typed = match.has_value || match.value.empty() ? argument : absl::StrCat(argument, " ", match.value);
      return absl::InvalidArgumentError(absl::StrCat(typed, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status OptionTable::Find(const std::string& argument, Match& match) const {
  const bool two_dashes = absl::StartsWith(argument, "--");
  const std::string body = argument.substr(two_dashes ? 2 : 1);
  const std::size_t equals = body.find('=');
  const std::string name = body.substr(0, equals);
  match.has_value = equals != std::string::npos;
  if (match.has_value) match.value = body.substr(equals + 1);
  if (name.empty()) return Unknown(argument, name);

  if (!two_dashes) {
    const OptionSpec* by_letter = FindByLetter(name[0]);
    if (name.size() == 1 && by_letter != nullptr) {
      match.option = by_letter;
      return absl::OkStatus();
    }
    // "-l0,1", unless it is a whole name: "-log-level=8".
    const OptionSpec* by_name = nullptr;
    if (FindByName(argument, name, by_name).ok()) {
      match.option = by_name;
      return absl::OkStatus();
    }
    if (by_letter != nullptr && by_letter->value != OptionValue::kNone) {
      match = {by_letter, body.substr(1), true};
      return absl::OkStatus();
    }
  }
  return FindByName(argument, name, match.option);
}

absl::Status OptionTable::FindByName(const std::string& argument, const std::string& name, const OptionSpec*& option) const {
  std::vector<const OptionSpec*> candidates;
  for (const OptionSpec& spec : options_) {
    if (spec.name.empty()) continue;
    if (spec.name == name) {
      option = &spec;
      return absl::OkStatus();
    }
    if (absl::StartsWith(spec.name, name)) candidates.push_back(&spec);
  }
  if (candidates.empty()) return Unknown(argument, name);
  if (candidates.size() > 1) {
    const auto append_name = [](std::string* out, const OptionSpec* spec) { absl::StrAppend(out, "--", spec->name); };
    return absl::InvalidArgumentError(absl::StrCat(argument, ": ambiguous ", context_, ": ", absl::StrJoin(candidates, ", ", append_name)));
  }
  option = candidates.front();
  return absl::OkStatus();
}

const OptionSpec* OptionTable::FindByLetter(char letter) const {
  for (const OptionSpec& spec : options_) {
    if (spec.letter == letter) return &spec;
  }
  return nullptr;
}

absl::Status OptionTable::Unknown(const std::string& argument, const std::string& name) const {
  if (std::find(foreign_names_.begin(), foreign_names_.end(), name) != foreign_names_.end()) {
    return absl::InvalidArgumentError(absl::StrCat(argument, ": unknown ", context_, "; ", foreign_where_));
  }
  return absl::InvalidArgumentError(absl::StrCat(argument, ": unknown ", context_, DidYouMean(name, Names(), "--")));
}

std::vector<std::string> OptionTable::Names() const {
  std::vector<std::string> names;
  for (const OptionSpec& option : options_) {
    if (!option.name.empty()) names.push_back(option.name);
  }
  return names;
}

std::string OptionTable::Help() const {
  std::string text;
  for (const OptionSpec& option : options_) {
    if (option.help.empty()) continue;
    std::string left = "  ";
    if (option.letter != 0) absl::StrAppend(&left, "-", std::string(1, option.letter), option.name.empty() ? "" : ", ");
    if (!option.name.empty()) absl::StrAppend(&left, "--", option.name);
    if (option.value == OptionValue::kRequired) absl::StrAppend(&left, option.name.empty() ? " " : "=", option.placeholder);
    if (option.value == OptionValue::kOptional) absl::StrAppend(&left, "[=", option.placeholder, "]");
    if (left.size() + 2 > kHelpColumn) {
      absl::StrAppend(&text, left, "\n");
      left.clear();
    }
    left.resize(kHelpColumn, ' ');
    const std::string indent = "\n" + std::string(kHelpColumn, ' ');
    for (char character : option.help) absl::StrAppend(&left, character == '\n' ? indent : std::string(1, character));
    absl::StrAppend(&text, left, "\n");
  }
  return text;
}

}  // namespace pollux::testpmd
