// SPDX-License-Identifier: Apache-2.0
// Commands of testpmd, a line each, as a file of commands in a session of two ports without a kernel behind them.
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <absl/strings/match.h>

#include "tests/fuzz/input.h"
#include "tools/testpmd/console/command_runner.h"
#include "tools/testpmd/console/commands.h"
#include "tools/testpmd/session/session.h"

namespace {

using namespace pollux::testpmd;  // NOLINT

// Commands that name files or interfaces leave the process.
bool StaysInside(const std::string& line) {
  for (const char* const word : {"load", "pcap", "af_xdp", "file", "quit"}) {
    if (absl::StrContains(line, word)) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  // Nothing but a loopback in reach, where this may be made.
  static const int alone = unshare(CLONE_NEWNET);
  (void)alone;
  pollux::fuzz::Input input(data, size);
  EalOptions eal;
  eal.vdevs = {"net_null0", "net_ring0"};
  TestpmdOptions options;
  options.interactive = true;
  options.frame_count = 4096;
  options.pages = pollux::mempool::PageKind::kOrdinary;
  Output output(false);
  auto session = Session::Create(eal, options, output);
  FUZZ_REQUIRE(session.ok());
  CommandTable table;
  CommandRunner runner(table, **session, [] { return false; });
  AddDisplayCommands(table, **session);
  AddConfigCommands(table, **session);
  AddPortCommands(table, **session);
  AddForeignCommands(table);
  AddControlCommands(table, **session, runner);
  std::string commands;
  for (const std::string& line : input.Lines()) {
    if (!StaysInside(line)) continue;
    (void)table.Complete(line);
    commands += line + "\n";
  }
  const int file = memfd_create("commands", MFD_CLOEXEC);
  FUZZ_REQUIRE(file >= 0 && write(file, commands.data(), commands.size()) == static_cast<ssize_t>(commands.size()));
  FUZZ_REQUIRE(runner.RunFile("/proc/self/fd/" + std::to_string(file)).ok());
  close(file);
  if ((*session)->forwarding()) (void)(*session)->StopForwarding();
  FUZZ_REQUIRE((*session)->Close());
  return 0;
}
