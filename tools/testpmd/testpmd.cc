// SPDX-License-Identifier: Apache-2.0
// testpmd: DPDK's test forwarder on kernel interfaces.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/stop_signal.h"
#include "tools/testpmd/console/commands.h"
#include "tools/testpmd/console/console.h"
#include "tools/testpmd/options/eal_options.h"
#include "tools/testpmd/options/help_text.h"
#include "tools/testpmd/options/testpmd_options.h"
#include "tools/testpmd/report/statistics_screen.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {
namespace {

using Clock = std::chrono::steady_clock;

enum ExitCode { kSuccess = 0, kFailure = 1, kUsage = 2 };

int Report(const absl::Status& status) {
  std::cerr << "testpmd: " << status.message() << "\n";
  if (!absl::IsInvalidArgument(status)) return kFailure;
  std::cerr << "Try: testpmd --help\n";
  return kUsage;
}

void RunInteractive(Session& session, CommandTable& table, lcore::StopSignal& stop, Output& output) {
  bool quit = false;
  AddControlCommands(table, session, [&quit] { quit = true; });
  ConsoleHooks hooks;
  hooks.stop_descriptor = stop.file_descriptor();
  hooks.finished = [&] { return quit || stop.flag().load(std::memory_order_relaxed); };
  hooks.tick = [&session] { return session.WatchPorts(); };
  hooks.run = [&](const std::string& line) { RunCommand(table, session, line); };
  hooks.echo = [&output](const std::string& text) { output.Print(text); };
  if (!session.options().command_file.empty()) {
    if (absl::Status status = RunCommandFile(table, session, session.options().command_file); !status.ok()) {
      output.Print(absl::StrCat(status.message(), "\n"));
    }
  }
  if (!hooks.finished()) RunConsole(table, hooks);
}

// Until a signal, the end of --seconds, or, where no statistics are shown, Enter or the end of the input.
void RunUntilStopped(Session& session, lcore::StopSignal& stop, Output& output) {
  const TestpmdOptions& options = session.options();
  const Clock::time_point begin = Clock::now();
  Clock::time_point next_statistics = begin + std::chrono::seconds(options.stats_period_s);
  const bool reads_input = options.stats_period_s == 0 && options.run_seconds == 0;
  StatisticsScreen screen(output);
  if (reads_input) output.Print("Press enter to exit\n");
  for (;;) {
    const Clock::time_point now = Clock::now();
    if (options.run_seconds != 0 && now >= begin + std::chrono::seconds(options.run_seconds)) return;
    Clock::time_point wake = now + std::chrono::milliseconds(kConsoleTickMs);
    if (options.stats_period_s != 0) wake = std::min(wake, next_statistics);
    if (options.run_seconds != 0) wake = std::min(wake, begin + std::chrono::seconds(options.run_seconds));
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(wake - now, Clock::duration::zero()));
    pollfd descriptors[2] = {{.fd = stop.file_descriptor(), .events = POLLIN, .revents = 0},
                             {.fd = reads_input ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}};
    const int ready = poll(descriptors, 2, static_cast<int>(wait.count()));
    if (stop.flag().load(std::memory_order_relaxed) || (ready > 0 && descriptors[1].revents != 0)) return;
    session.WatchPorts();
    if (options.stats_period_s != 0 && Clock::now() >= next_statistics) {
      screen.Show(absl::StrCat("\nPort statistics ====================================", session.PortStats(session.OpenPortNumbers())));
      next_statistics += std::chrono::seconds(options.stats_period_s);
    }
  }
}

absl::Status RunSession(Session& session, lcore::StopSignal& stop, Output& output) {
  const TestpmdOptions& options = session.options();
  CommandTable table;
  AddDisplayCommands(table, session);
  AddConfigCommands(table, session);
  AddPortCommands(table, session);
  if (options.interactive) {
    if (options.auto_start) {
      if (absl::Status status = session.StartForwarding(options.tx_first_bursts); !status.ok()) return status;
    }
    RunInteractive(session, table, stop, output);
    return absl::OkStatus();
  }
  if (absl::Status status = session.StartForwarding(options.tx_first_bursts); !status.ok()) return status;
  RunUntilStopped(session, stop, output);
  return absl::OkStatus();
}

int Run(const EalOptions& eal, const TestpmdOptions& options) {
  // First, so that a signal during the set-up ends testpmd in order too.
  absl::StatusOr<std::unique_ptr<lcore::StopSignal>> stop = lcore::StopSignal::Install();
  if (!stop.ok()) return Report(stop.status());
  Output output(options.json);
  if (options.interactive) output.Print("Interactive-mode selected\n");
  if (options.auto_start) output.Print("Auto-start selected\n");
  absl::StatusOr<std::unique_ptr<Session>> session = Session::Create(eal, options, output);
  if (!session.ok()) return Report(session.status());
  const absl::Status status = RunSession(**session, **stop, output);
  if (const int number = (*stop)->signal_number(); number != 0) {
    output.Print(absl::StrCat("\nSignal ", number, " received, preparing to exit...\n"));
  }
  const bool balanced = (*session)->Close();
  output.Print("\nBye...\n");
  if (!status.ok()) return Report(status);
  return balanced ? kSuccess : kFailure;
}

int Main(const std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  absl::StatusOr<EalOptions> eal = ParseEalOptions({arguments.begin(), dashes});
  if (!eal.ok()) return Report(eal.status());
  absl::StatusOr<TestpmdOptions> options = ParseTestpmdOptions({dashes == arguments.end() ? dashes : dashes + 1, arguments.end()});
  if (!options.ok()) return Report(options.status());
  if (eal->help || options->help) {
    std::cout << HelpText();
    return kSuccess;
  }
  if (eal->version || options->version) {
    std::cout << VersionText();
    return kSuccess;
  }
  return Run(*eal, *options);
}

}  // namespace
}  // namespace pollux::testpmd

int main(int argc, char** argv) {
  return pollux::testpmd::Main({argv + 1, argv + argc});
}
