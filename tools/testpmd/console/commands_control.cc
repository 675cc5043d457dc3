// SPDX-License-Identifier: Apache-2.0
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

void AddControlCommands(CommandTable& table, Session& session, CommandRunner& runner) {
  const auto add = [&table](const char* pattern, const char* help, std::function<absl::Status(const Words&)> run) {
    table.Add({pattern, "control", help, std::move(run)});
  };
  add("start [tx_first] [N]", "Start forwarding with the current configuration; tx_first: send N bursts (1) first.",
      [&](const Words& words) { return Start(session, words); });
  add("stop", "Stop forwarding, and display statistics.", [&](const Words&) { return session.StopForwarding(); });
  add("load FILE", "Run the commands of a file.", [&](const Words& words) { return runner.RunFile(words[1]); });
  add("help [control|display|config|ports|flows|all]", "Display help.", [&](const Words& words) {
    session.Print(table.Help(words.size() > 1 ? words[1] : ""));
    return absl::OkStatus();
  });
  add("quit", "End testpmd.", [&](const Words&) {
    runner.Quit();
    return absl::OkStatus();
  });
}

}  // namespace pollux::testpmd
