// SPDX-License-Identifier: Apache-2.0
// Performance runs: options.h has the command line, campaign.h the order of things, measurement.h what one figure is.
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "lcore/errno_status.h"
#include "tools/performance/campaign/campaign.h"
#include "tools/performance/campaign/campaign_options.h"
#include "tools/performance/report/report.h"

namespace pollux::performance {
namespace {

// Below /run only root makes files, so that nobody else can have put a link or a lock there.
constexpr char kLockFolder[] = "/run/pollux";
constexpr char kLockFile[] = "/run/pollux/performance.lock";

// Two runs at a time would measure each other. The lock ends with the process.
absl::Status LockMachine() {
  if (mkdir(kLockFolder, 0700) != 0 && errno != EEXIST) return lcore::ErrnoStatus(errno, absl::StrCat("mkdir(", kLockFolder, ")"));
  const int descriptor = open(kLockFile, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return lcore::ErrnoStatus(errno, absl::StrCat("open(", kLockFile, ")"));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) return lcore::ErrnoStatus(errno, kLockFile, "another performance run is under way");
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  if (path == "-") return std::fputs(text.c_str(), stdout) >= 0 ? absl::OkStatus() : lcore::ErrnoStatus(errno, "stdout");
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? absl::OkStatus() : lcore::ErrnoStatus(errno, path);
}

// FOLDER/callgrind.ROW.CONTENDER, rows counted from 1.
absl::Status WriteProfiles(const Results& results, const std::string& folder) {
  absl::Status status;
  for (size_t row = 0; row < results.rows.size(); ++row) {
    for (size_t i = 0; i < results.contenders.size(); ++i) {
      const std::string& profile = results.rows[row].cells[i].profile;
      if (profile.empty()) continue;
      status.Update(WriteFile(absl::StrCat(folder, "/callgrind.", row + 1, ".", results.contenders[i].name), profile));
    }
  }
  return status;
}

// The folder of this program: what was built with it is near.
std::filesystem::path OwnFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

absl::Status Main(const std::string& program, const std::vector<std::string>& arguments) {
  auto options = ParseCampaignOptions(arguments);
  if (!options.ok()) return options.status();
  if (options->help) return WriteFile("-", Usage());
  if (options->contenders.testpmd.empty()) options->contenders.testpmd = OwnFolder().parent_path() / "testpmd" / "testpmd";
  if (options->contenders.broker.empty()) options->contenders.broker = OwnFolder().parent_path() / "broker" / "pollux-broker";
  options->contenders.dpdk_preload = OwnFolder() / "contenders/combined_channels.so";
  auto contenders = MakeContenders(options->contenders);
  if (!contenders.ok()) return contenders.status();
  if (geteuid() != 0) return absl::PermissionDeniedError("a rig of network namespaces needs root");
  if (absl::Status status = LockMachine(); !status.ok()) return status;

  Results results;
  {
    Progress progress;
    results = RunCampaign(*options, *contenders, &progress);
  }
  const std::string command = program + " " + absl::StrJoin(arguments, " ");
  absl::Status status;
  if (options->json_file != "-") status.Update(WriteFile("-", TextReport(results, command)));
  if (!options->json_file.empty()) status.Update(WriteFile(options->json_file, JsonReport(results, command)));
  if (!options->html_file.empty()) status.Update(WriteFile(options->html_file, HtmlReport(results, command)));
  if (!options->callgrind_folder.empty()) status.Update(WriteProfiles(results, options->callgrind_folder));
  for (const Row& row : results.rows) {
    for (const Cell& cell : row.cells) {
      if (!cell.errors.empty()) status.Update(absl::InternalError("some measurements failed; the report names them"));
    }
  }
  return status;
}

}  // namespace
}  // namespace pollux::performance

int main(int count, char** words) {
  // `bazel run` starts programs elsewhere, and says where it was called: files named on the command line are there.
  if (const char* folder = std::getenv("BUILD_WORKING_DIRECTORY"); folder != nullptr && chdir(folder) != 0) std::perror(folder);
  const absl::Status status = pollux::performance::Main("perf", std::vector<std::string>(words + 1, words + count));
  if (!status.ok()) std::fprintf(stderr, "perf: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
