// SPDX-License-Identifier: Apache-2.0
// testpmd: DPDK's test forwarder on kernel interfaces.
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "lcore/stop_signal.h"
#include "tools/testpmd/console/command_runner.h"
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

// What is thrown (no memory, a library's exception) becomes an error, so that the end is in order.
absl::Status Guarded(const std::function<absl::Status()>& run) {
  try {
    return run();
  } catch (const std::exception& exception) {
    return absl::InternalError(absl::StrCat("an exception that nobody expected: ", exception.what()));
  }
}

void RunInteractive(Session& session, CommandTable& table, CommandRunner& runner, lcore::StopSignal& stop, Output& output) {
  ConsoleHooks hooks;
  hooks.stop_descriptor = stop.file_descriptor();
  hooks.request_descriptor = session.request_descriptor();
  hooks.answer = [&session] { session.ServeRequests(); };
  hooks.finished = [&runner] { return runner.finished(); };
  hooks.editor_output = output.json() ? stderr : stdout;
  hooks.tick = [&session] { return session.WatchPorts(); };
  hooks.run = [&runner](const std::string& line) { runner.Run(line); };
  hooks.echo = [&output](const std::string& text) { output.Print(text); };
  RunConsole(table, hooks);
}

// Until a signal, the end of --seconds, or, where no statistics are shown, Enter or the end of the input.
void RunUntilStopped(Session& session, const CommandRunner& runner, Clock::time_point end, lcore::StopSignal& stop, Output& output) {
  const TestpmdOptions& options = session.options();
  const std::chrono::seconds period(options.stats_period_s);
  Clock::time_point next_statistics = Clock::now() + period;
  Clock::time_point next_look = Clock::now() + std::chrono::milliseconds(kConsoleTickMs);  // at the ports
  const bool reads_input = options.stats_period_s == 0 && options.run_seconds == 0;
  StatisticsScreen screen(output);
  if (reads_input) output.Print("Press enter to exit\n");
  // Forwarding ends by itself when no port is left.
  while (!runner.finished() && session.forwarding()) {
    const Clock::time_point now = Clock::now();
    Clock::time_point wake = next_look;
    if (options.stats_period_s != 0) wake = std::min(wake, next_statistics);
    wake = std::min(wake, end);
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(wake - now, Clock::duration::zero()));
    pollfd descriptors[3] = {{.fd = stop.file_descriptor(), .events = POLLIN, .revents = 0},
                             {.fd = reads_input ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0},
                             {.fd = session.request_descriptor(), .events = POLLIN, .revents = 0}};
    const int ready = poll(descriptors, 3, static_cast<int>(wait.count()));
    if (ready > 0 && descriptors[1].revents != 0) return;
    if (ready > 0 && descriptors[2].revents != 0) session.ServeRequests();
    if (Clock::now() >= next_look) {
      session.WatchPorts();
      next_look = Clock::now() + std::chrono::milliseconds(kConsoleTickMs);
    }
    if (options.stats_period_s != 0 && Clock::now() >= next_statistics) {
      screen.Show(absl::StrCat("\nPort statistics ====================================", session.PortStats(session.OpenPortNumbers())));
      // After a pause (SIGSTOP, a machine that slept) one block, and not one for every period that went by.
      next_statistics = std::max(next_statistics + period, Clock::now());
    }
  }
}

absl::Status RunSession(Session& session, lcore::StopSignal& stop, Output& output) {
  const TestpmdOptions& options = session.options();
  Clock::time_point end = Clock::time_point::max();  // of --seconds, which begin when the set-up and the file of commands are over
  CommandTable table;
  CommandRunner runner(table, session, [&] { return Clock::now() >= end || stop.flag().load(std::memory_order_relaxed); });
  AddDisplayCommands(table, session);
  AddConfigCommands(table, session);
  AddPortCommands(table, session);
  AddFlowCommands(table, session);
  AddControlCommands(table, session, runner);
  AddForeignCommands(table);
  // Before forwarding, with -i and without, as DPDK does.
  if (!options.command_file.empty()) {
    if (absl::Status status = runner.RunFile(options.command_file, options.echo_commands); !status.ok())
      return lcore::Annotate(status, "--cmdline-file");
  }
  if (runner.finished()) return absl::OkStatus();
  if ((!options.interactive || options.auto_start) && !session.forwarding()) {
    if (absl::Status status = session.StartForwarding(options.tx_first_bursts); !status.ok()) return status;
  }
  if (absl::Status status = session.DropPrivileges(); !status.ok()) return status;
  if (options.run_seconds != 0) end = Clock::now() + std::chrono::seconds(options.run_seconds);
  if (options.interactive) {
    RunInteractive(session, table, runner, stop, output);
  } else {
    RunUntilStopped(session, runner, end, stop, output);
  }
  return absl::OkStatus();
}

int Run(const EalOptions& eal, const TestpmdOptions& options) {
  // First, so that a signal during the set-up ends testpmd in order too.
  absl::StatusOr<std::unique_ptr<lcore::StopSignal>> stop = lcore::StopSignal::Install();
  if (!stop.ok()) return Report(stop.status());
  Output output(options.json);
  output.OnFailure([&stop](int error) {
    std::cerr << "testpmd: " << lcore::ErrnoStatus(error, "write to the standard output", "testpmd ends").message() << "\n";
    (*stop)->Request();
  });
  if (options.interactive) output.Print("Interactive-mode selected\n");
  if (options.auto_start) output.Print("Auto-start selected\n");
  std::unique_ptr<Session> session;
  absl::Status status = Guarded([&] {
    absl::StatusOr<std::unique_ptr<Session>> made = Session::Create(eal, options, output);
    if (made.ok()) session = *std::move(made);
    return made.status();
  });
  if (!status.ok()) return Report(status);
  status = Guarded([&] { return RunSession(*session, **stop, output); });
  if (const int number = (*stop)->signal_number(); number != 0) {
    output.Print(absl::StrCat("\nSignal ", number, " received, preparing to exit...\n"));
  }
  bool good = false;
  status.Update(Guarded([&] {
    good = session->Close();
    return absl::OkStatus();
  }));
  output.Print("\nBye...\n");
  if (!status.ok()) return Report(status);
  return good && !output.failed() ? kSuccess : kFailure;
}

int Main(const std::vector<std::string>& arguments) {
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  absl::StatusOr<EalOptions> eal = ParseEalOptions({arguments.begin(), dashes});
  if (!eal.ok()) return Report(eal.status());
  absl::StatusOr<TestpmdOptions> options = ParseTestpmdOptions({dashes == arguments.end() ? dashes : dashes + 1, arguments.end()});
  if (!options.ok()) return Report(options.status());
  if (eal->help || options->help) {
    std::cout << HelpText() << std::flush;
    return std::cout ? kSuccess : kFailure;
  }
  if (eal->version || options->version) {
    std::cout << VersionText() << std::flush;
    return std::cout ? kSuccess : kFailure;
  }
  return Run(*eal, *options);
}

}  // namespace
}  // namespace pollux::testpmd

int main(int argc, char** argv) {
  int exit_code = 1;
  const absl::Status status = pollux::testpmd::Guarded([&] {
    exit_code = pollux::testpmd::Main({argv + 1, argv + argc});
    return absl::OkStatus();
  });
  if (!status.ok()) std::cerr << "testpmd: " << status.message() << "\n";
  return exit_code;
}
