// SPDX-License-Identifier: Apache-2.0
// The commands of testpmd's prompt, by the section of the help that they stand in.
#ifndef TOOLS_TESTPMD_CONSOLE_COMMANDS_H_
#define TOOLS_TESTPMD_CONSOLE_COMMANDS_H_

#include "tools/testpmd/console/command_runner.h"
#include "tools/testpmd/console/command_table.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {

// Each adds commands that work on `session`, which outlives the table.
void AddDisplayCommands(CommandTable& table, Session& session);
void AddConfigCommands(CommandTable& table, Session& session);
void AddPortCommands(CommandTable& table, Session& session);
void AddFlowCommands(CommandTable& table, Session& session);
// Last of all: what DPDK has beside those. Not in the help.
void AddForeignCommands(CommandTable& table);
// start, stop, quit, help, load. `runner` outlives the table too.
void AddControlCommands(CommandTable& table, Session& session, CommandRunner& runner);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_CONSOLE_COMMANDS_H_
