// SPDX-License-Identifier: Apache-2.0
// The commands of testpmd's prompt, by the section of the help that they stand in.
#ifndef TOOLS_TESTPMD_CONSOLE_COMMANDS_H_
#define TOOLS_TESTPMD_CONSOLE_COMMANDS_H_

#include <functional>

#include "tools/testpmd/console/command_table.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {

// Each adds commands that work on `session`, which outlives the table.
void AddDisplayCommands(CommandTable& table, Session& session);
void AddConfigCommands(CommandTable& table, Session& session);
void AddPortCommands(CommandTable& table, Session& session);
// start, stop, quit, help, load. `quit` asks for the end of the console.
void AddControlCommands(CommandTable& table, Session& session, std::function<void()> quit);

// Runs the lines of a file, and echoes them; goes on after one that fails. NOT_FOUND if it cannot be read.
absl::Status RunCommandFile(const CommandTable& table, Session& session, const std::string& file);

// Runs one line, and prints what is wrong with it.
void RunCommand(const CommandTable& table, Session& session, absl::string_view line);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_CONSOLE_COMMANDS_H_
