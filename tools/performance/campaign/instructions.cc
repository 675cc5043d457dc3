// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/instructions.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "tools/support/child_process.h"

namespace pollux::performance {
namespace {

constexpr double kTimeout_s = 120;

// A folder that goes with the object.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = "/tmp/pollux-callgrind-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  std::string path;
};

absl::Status WaitForPackets(Testbed* testbed, uint64_t first, uint64_t packets) {
  for (double waited_s = 0; waited_s < kTimeout_s; waited_s += 0.05) {
    auto now = testbed->Look();
    if (!now.ok()) return now.status();
    if (testbed->Delivered(*now) - first >= packets) return absl::OkStatus();
    if (absl::Status status = testbed->forwarder()->Check(); !status.ok()) return status;
    Sleep(0.05);
  }
  return absl::DeadlineExceededError(absl::StrCat("less than ", packets, " packets in ", kTimeout_s, " s under valgrind"));
}

absl::StatusOr<Moment> Dump(Testbed* testbed) {
  auto dumped = support::RunSuccessfully({"vgdb", absl::StrCat("--pid=", testbed->forwarder()->process()), "dump"});
  if (!dumped.ok()) return dumped.status();
  return testbed->Look();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

absl::StatusOr<uint64_t> CallgrindTotal(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    uint64_t total;
    for (const char* prefix : {"summary: ", "totals: "}) {
      if (absl::StartsWith(line, prefix) && absl::SimpleAtoi(line.substr(std::string(prefix).size()), &total)) return total;
    }
  }
  return absl::NotFoundError("no summary in callgrind's file");
}

absl::StatusOr<InstructionCount> CountInstructions(const Contender& contender, const Work& work, const Conditions& conditions,
                                                   uint64_t packets) {
  for (const char* program : {"valgrind", "vgdb"}) {
    if (auto found = support::FindProgram(program); !found.ok()) return found.status();
  }
  TemporaryFolder folder;
  if (folder.path.empty()) return lcore::ErrnoStatus(errno, "mkdtemp");
  const std::string file = folder.path + "/out";
  Testbed testbed(work, conditions);
  if (absl::Status status = testbed.Start(&contender, file); !status.ok()) return status;
  testbed.Offer(0);
  auto begin = testbed.Look();
  if (!begin.ok()) return begin.status();
  // A dump writes what was counted since the one before, and starts from zero: the first ends the warm-up.
  if (absl::Status status = WaitForPackets(&testbed, testbed.Delivered(*begin), packets / 10); !status.ok()) return status;
  begin = Dump(&testbed);
  if (!begin.ok()) return begin.status();
  if (absl::Status status = WaitForPackets(&testbed, testbed.Delivered(*begin), packets); !status.ok()) return status;
  auto end = Dump(&testbed);
  if (!end.ok()) return end.status();
  InstructionCount count = {.packets = testbed.Delivered(*end) - testbed.Delivered(*begin), .profile = ReadFile(file + ".2")};
  count.overloaded = end->offered - begin->offered > count.packets;
  auto total = CallgrindTotal(count.profile);
  if (!total.ok()) return total.status();
  if (absl::Status status = testbed.End(); !status.ok()) return status;
  count.instructions = *total;
  return count;
}

}  // namespace pollux::performance
