// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>

namespace pollux::performance {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of the first line "NAME : VALUE".
std::string Field(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || !absl::StartsWith(line, name)) continue;
    return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return "";
}

// The vulnerabilities that cost time here.
std::string Mitigations() {
  std::string text;
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/devices/system/cpu/vulnerabilities", error))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const std::string state = FirstLine(file);
    if (!absl::StartsWith(state, "Not affected")) absl::StrAppend(&text, text.empty() ? "" : "; ", file.filename().string(), ": ", state);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeMachine() {
  utsname kernel = {};
  uname(&kernel);
  const std::string governor = FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  const std::string cpuinfo = "/proc/cpuinfo";
  return {
      {"processor",
       absl::StrCat(Field(cpuinfo, "model name"), ", family ", Field(cpuinfo, "cpu family"), ", ", Field(cpuinfo, "cpu MHz"), " MHz")},
      {"processors online", absl::StrCat(sysconf(_SC_NPROCESSORS_ONLN))},
      {"virtual machine", absl::StrContains(Field(cpuinfo, "flags"), " hypervisor") ? "yes" : "no"},
      {"kernel", absl::StrCat(kernel.release, " ", kernel.version)},
      {"governor", governor.empty() ? "not visible" : governor},
      {"mitigations", Mitigations()},
      {"memory", Field("/proc/meminfo", "MemTotal")},
      {"load before the run", FirstLine("/proc/loadavg")},
  };
}

}  // namespace pollux::performance
