// SPDX-License-Identifier: Apache-2.0
// pollux plot: a page of what testpmd --record wrote.
#include <getopt.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "tools/plot/run_page.h"
#include "tools/plot/run_series.h"

namespace pollux::plot {
namespace {

constexpr char kHelp[] = R"(usage: pollux plot FILE... [-o PAGE]

Draws runs of testpmd over time.

Of what testpmd --record=FILE wrote it makes a page with rates, losses by name, pools and lcores. Several runs are drawn over each other, each from
its own beginning.

  -o, --output=PAGE   where the page goes (the first FILE, with .html behind it); "-": the standard output
  -h, --help

Exit code: 0; 1 if a file cannot be read or written, or is no record; 2 for wrong options.
)";

int Fail(const std::string& text) {
  std::cerr << "pollux plot: " << text << "\n";
  return 1;
}

bool IsSameFile(const std::string& one, const std::string& other) {
  std::error_code error;
  return std::filesystem::equivalent(one, other, error) && !error;
}

// The shortest name that tells it from the others.
std::string NameOf(const std::vector<std::string>& paths, const std::string& path) {
  if (paths.size() == 1) return "";
  const auto short_name = [](const std::string& text) { return std::filesystem::path(text).filename().string(); };
  const auto same =
      std::count_if(paths.begin(), paths.end(), [&](const std::string& other) { return short_name(other) == short_name(path); });
  return same == 1 ? short_name(path) : path;
}

int Write(const std::string& page, const std::string& output) {
  if (output == "-") {
    std::cout << page << std::flush;
    return std::cout ? 0 : Fail("the standard output cannot be written");
  }
  errno = 0;
  std::ofstream file(output, std::ios::binary | std::ios::trunc);
  file << page << std::flush;
  if (!file) return Fail(absl::StrCat("write(", output, "): ", std::strerror(errno == 0 ? EIO : errno)));
  std::cout << output << "\n";
  return 0;
}

int Main(int argc, char** argv) {
  constexpr option kOptions[] = {{"output", required_argument, nullptr, 'o'}, {"help", no_argument, nullptr, 'h'}, {}};
  std::string output;
  for (int letter; (letter = getopt_long(argc, argv, "o:h", kOptions, nullptr)) != -1;) {
    if (letter == 'o') {
      output = optarg;
    } else if (letter == 'h') {
      std::cout << kHelp;
      return 0;
    } else {
      std::cerr << "Try: pollux plot --help\n";
      return 2;
    }
  }
  const std::vector<std::string> paths(argv + optind, argv + argc);
  if (paths.empty()) {
    std::cerr << kHelp;
    return 2;
  }
  if (output.empty()) output = paths.front() + ".html";
  std::vector<std::pair<std::string, RunSeries>> runs;
  for (const std::string& path : paths) {
    if (output != "-" && IsSameFile(path, output)) return Fail(absl::StrCat(output, ": the page would take the place of the record"));
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) return Fail(absl::StrCat("open(", path, "): ", std::strerror(errno == 0 ? EIO : errno)));
    absl::StatusOr<RunSeries> series = ReadRunSeries(file);
    if (!series.ok()) return Fail(absl::StrCat(path, ": ", series.status().message()));
    if (!series->cut.empty()) std::cerr << "pollux plot: " << path << ": " << series->cut << "\n";
    runs.emplace_back(NameOf(paths, path), *std::move(series));
  }
  return Write(RunPage(runs), output);
}

}  // namespace
}  // namespace pollux::plot

int main(int argc, char** argv) {
  return pollux::plot::Main(argc, argv);
}
