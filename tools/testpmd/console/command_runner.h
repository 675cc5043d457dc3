// SPDX-License-Identifier: Apache-2.0
// CommandRunner: lines, one after the other, until somebody says that it is enough.
#ifndef TOOLS_TESTPMD_CONSOLE_COMMAND_RUNNER_H_
#define TOOLS_TESTPMD_CONSOLE_COMMAND_RUNNER_H_

#include <functional>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "tools/testpmd/console/command_table.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {

// Belongs to the main lcore. What it is made of outlives it.
class CommandRunner {
 public:
  // `stopped`: a signal came, or the time is over.
  CommandRunner(const CommandTable& table, Session& session, std::function<bool()> stopped)
      : table_(table), session_(session), stopped_(std::move(stopped)) {}

  // Runs one line, and prints what is wrong with it.
  void Run(absl::string_view line);
  // Runs the lines of a file, and echoes them unless told not to; goes on after one that fails, and ends after `quit` and when it is
  // stopped. NOT_FOUND if the file cannot be read.
  absl::Status RunFile(const std::string& file, bool echo = true);

  void Quit() { quit_ = true; }
  bool finished() const { return quit_ || stopped_(); }

 private:
  const CommandTable& table_;
  Session& session_;
  const std::function<bool()> stopped_;
  bool quit_ = false;
  int depth_ = 0;  // of files that load files
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_CONSOLE_COMMAND_RUNNER_H_
