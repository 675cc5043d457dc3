// SPDX-License-Identifier: Apache-2.0
// OptionTable: the command line as a table of options.
#ifndef TOOLS_TESTPMD_OPTIONS_OPTION_TABLE_H_
#define TOOLS_TESTPMD_OPTIONS_OPTION_TABLE_H_

#include <functional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

namespace pollux::testpmd {

enum class OptionValue { kNone, kRequired, kOptional };  // optional: only as --name=VALUE

struct OptionSpec {
  std::string name;  // "rxq"; empty for an option that has a letter only
  char letter = 0;   // 'l', or 0
  OptionValue value = OptionValue::kNone;
  std::string placeholder;  // "N", for the help
  std::string help;         // empty: not in the help (another spelling, or accepted without meaning)
  std::function<absl::Status(const std::string& value)> apply;
};

// Takes what getopt_long_only takes: --name=value, --name value, -name=value, -name value, -l value, -lvalue, -l=value, and any beginning
// of a name that fits one option only.
class OptionTable {
 public:
  // `context` in messages: "EAL option", "testpmd option".
  explicit OptionTable(std::string context) : context_(std::move(context)) {}

  void Add(OptionSpec option) { options_.push_back(std::move(option)); }
  // Names that belong elsewhere: a message says `where` ("it belongs before --") instead of guessing.
  void AddForeign(const std::vector<std::string>& names, std::string where);

  // Applies one after the other, and stops at the first error: INVALID_ARGUMENT with the argument as it was typed. `given` takes the
  // names of those that were there.
  absl::Status Parse(const std::vector<std::string>& arguments, std::vector<std::string>* given = nullptr) const;

  std::vector<std::string> Names() const;
  // Two columns, in the order of Add.
  std::string Help() const;

 private:
  struct Match {
    const OptionSpec* option = nullptr;
    std::string value;
    bool has_value = false;
  };
  absl::Status Find(const std::string& argument, Match& match) const;
  absl::Status FindByName(const std::string& argument, const std::string& name, const OptionSpec*& option) const;
  const OptionSpec* FindByLetter(char letter) const;
  absl::Status Unknown(const std::string& argument, const std::string& name) const;

  const std::string context_;
  std::vector<OptionSpec> options_;
  std::vector<std::string> foreign_names_;
  std::string foreign_where_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_OPTIONS_OPTION_TABLE_H_
