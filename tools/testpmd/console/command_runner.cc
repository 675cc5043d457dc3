// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/console/command_runner.h"

#include <fstream>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {
namespace {

constexpr int kMaximumDepth = 8;

}  // namespace

void CommandRunner::Run(absl::string_view line) {
  const absl::Status status = table_.Run(line);
  if (!status.ok()) session_.Print(absl::StrCat(status.message(), "\n"));
}

absl::Status CommandRunner::RunFile(const std::string& file, bool echo) {
  if (depth_ >= kMaximumDepth) {
    return absl::FailedPreconditionError(absl::StrCat("load ", file, ": files load each other, ", kMaximumDepth, " deep"));
  }
  std::ifstream stream(file);
  if (!stream) return absl::NotFoundError(absl::StrCat("load ", file, ": the file cannot be read"));
  ++depth_;
  for (std::string line; !finished() && std::getline(stream, line);) {
    if (echo) session_.Print(absl::StrCat("testpmd> ", line, "\n"));
    Run(line);
  }
  --depth_;
  session_.Print(absl::StrCat("Read CLI commands from ", file, "\n"));
  return absl::OkStatus();
}

}  // namespace pollux::testpmd
