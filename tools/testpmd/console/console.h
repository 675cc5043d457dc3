// SPDX-License-Identifier: Apache-2.0
// Console: lines from a terminal, with editing, completion and history, or from a pipe.
#ifndef TOOLS_TESTPMD_CONSOLE_CONSOLE_H_
#define TOOLS_TESTPMD_CONSOLE_CONSOLE_H_

#include <cstdio>
#include <functional>
#include <string>

#include "tools/testpmd/console/command_table.h"

namespace pollux::testpmd {

// How long input may be waited for without looking after anything else.
inline constexpr int kConsoleTickMs = 200;

struct ConsoleHooks {
  int stop_descriptor = -1;     // readable: the console ends
  int request_descriptor = -1;  // readable: `answer` is called
  std::function<void()> answer;
  std::function<bool()> finished;     // asked after every line, and at every tick
  std::FILE* editor_output = stdout;  // where the line editor of a terminal draws
  std::function<bool()> tick;         // called while waiting for input; true: it printed something
  std::function<void(const std::string& line)> run;
  std::function<void(const std::string& text)> echo;  // prompt and line, where no terminal shows them
};

// Reads the standard input until it ends, `finished` says so, or stop_descriptor is readable.
void RunConsole(const CommandTable& table, const ConsoleHooks& hooks);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_CONSOLE_CONSOLE_H_
