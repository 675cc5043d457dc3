// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/instructions.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "tools/performance/process.h"

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

absl::Status WaitForPackets(Session* session, uint64_t first, uint64_t packets) {
  for (double waited_s = 0; waited_s < kTimeout_s; waited_s += 0.05) {
    auto now = session->Look();
    if (!now.ok()) return now.status();
    if (session->Delivered(*now) - first >= packets) return absl::OkStatus();
    if (absl::Status status = session->forwarder()->Check(); !status.ok()) return status;
    Sleep(0.05);
  }
  return absl::DeadlineExceededError(absl::StrCat("less than ", packets, " packets in ", kTimeout_s, " s under valgrind"));
}

absl::StatusOr<Moment> Dump(Session* session) {
  auto dumped = RunCommand({.command = {"vgdb", absl::StrCat("--pid=", session->forwarder()->process()), "dump"}});
  if (!dumped.ok()) return dumped.status();
  return session->Look();
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
    if (auto found = FindProgram(program); !found.ok()) return found.status();
  }
  TemporaryFolder folder;
  if (folder.path.empty()) return lcore::ErrnoStatus(errno, "mkdtemp");
  const std::string file = folder.path + "/out";
  Session session(work, conditions);
  if (absl::Status status = session.Start(&contender, file); !status.ok()) return status;
  session.Offer(0);
  auto begin = session.Look();
  if (!begin.ok()) return begin.status();
  // A dump writes what was counted since the one before, and starts from zero: the first ends the warm-up.
  if (absl::Status status = WaitForPackets(&session, session.Delivered(*begin), packets / 10); !status.ok()) return status;
  begin = Dump(&session);
  if (!begin.ok()) return begin.status();
  if (absl::Status status = WaitForPackets(&session, session.Delivered(*begin), packets); !status.ok()) return status;
  auto end = Dump(&session);
  if (!end.ok()) return end.status();
  InstructionCount count = {.packets = session.Delivered(*end) - session.Delivered(*begin), .profile = ReadFile(file + ".2")};
  count.overloaded = end->offered - begin->offered > count.packets;
  auto total = CallgrindTotal(count.profile);
  if (!total.ok()) return total.status();
  if (absl::Status status = session.End(); !status.ok()) return status;
  count.instructions = *total;
  return count;
}

}  // namespace pollux::performance
