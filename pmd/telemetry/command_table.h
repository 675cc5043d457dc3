// SPDX-License-Identifier: Apache-2.0
// CommandTable: from a request to its answer, without sockets.
#ifndef PMD_TELEMETRY_COMMAND_TABLE_H_
#define PMD_TELEMETRY_COMMAND_TABLE_H_

#include <functional>
#include <map>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::pmd::telemetry {

class CommandTable {
 public:
  // Gets what stands behind the first comma; returns JSON, or why there is none.
  using Handler = std::function<absl::StatusOr<std::string>(absl::string_view parameters)>;

  // Knows "/" (all names) and "/help" (of one command) from the start.
  CommandTable();

  void Add(std::string name, std::string help, Handler handler);

  // The answer to any bytes whatever: one JSON object, {COMMAND: value}; with "error" beside a value of null.
  std::string Answer(absl::string_view request) const;

 private:
  struct Command {
    std::string help;
    Handler handler;
  };
  absl::StatusOr<std::string> List() const;
  absl::StatusOr<std::string> Help(absl::string_view parameters) const;

  std::map<std::string, Command> commands_;
};

}  // namespace pollux::pmd::telemetry

#endif  // PMD_TELEMETRY_COMMAND_TABLE_H_
