// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <utility>

#include <absl/strings/str_cat.h>

#include "tools/testpmd/console/commands.h"
#include "tools/testpmd/options/option_values.h"

namespace pollux::testpmd {
namespace {

absl::Status Start(Session& session, const Words& words) {
  if (words.size() == 1) return session.StartForwarding(0);
  const absl::StatusOr<uint64_t> bursts = ParseNumber(words.size() > 2 ? words[2] : "1", 1, 1 << 20);
  return bursts.ok() ? session.StartForwarding(*bursts) : bursts.status();
}

}  // namespace

void AddControlCommands(CommandTable& table, Session& session, std::function<void()> quit) {
  const auto add = [&table](const char* pattern, const char* help, std::function<absl::Status(const Words&)> run) {
    table.Add({pattern, "control", help, std::move(run)});
  };
  add("start [tx_first] [N]", "Start forwarding with the current configuration; tx_first: send N bursts (1) first.",
      [&](const Words& words) { return Start(session, words); });
  add("stop", "Stop forwarding, and display statistics.", [&](const Words&) { return session.StopForwarding(); });
  add("load FILE", "Run the commands of a file.", [&](const Words& words) { return RunCommandFile(table, session, words[1]); });
  add("help [control|display|config|ports|all]", "Display help.", [&](const Words& words) {
    session.Print(table.Help(words.size() > 1 ? words[1] : ""));
    return absl::OkStatus();
  });
  add("quit", "End testpmd.", [quit = std::move(quit)](const Words&) {
    quit();
    return absl::OkStatus();
  });
}

void RunCommand(const CommandTable& table, Session& session, absl::string_view line) {
  const absl::Status status = table.Run(line);
  if (!status.ok()) session.Print(absl::StrCat(status.message(), "\n"));
}

absl::Status RunCommandFile(const CommandTable& table, Session& session, const std::string& file) {
  static int depth = 0;
  if (depth >= 8) return absl::FailedPreconditionError(absl::StrCat("load ", file, ": files load each other, 8 deep"));
  std::ifstream stream(file);
  if (!stream) return absl::NotFoundError(absl::StrCat("load ", file, ": the file cannot be read"));
  ++depth;
  for (std::string line; std::getline(stream, line);) {
    session.Print(absl::StrCat("testpmd> ", line, "\n"));
    RunCommand(table, session, line);
  }
  --depth;
  session.Print(absl::StrCat("Read CLI commands from ", file, "\n"));
  return absl::OkStatus();
}

}  // namespace pollux::testpmd
