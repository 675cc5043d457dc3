// SPDX-License-Identifier: Apache-2.0
// StatisticsScreen: a block of text that is shown again and again.
#ifndef TOOLS_TESTPMD_REPORT_STATISTICS_SCREEN_H_
#define TOOLS_TESTPMD_REPORT_STATISTICS_SCREEN_H_

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include <absl/strings/str_cat.h>

#include "tools/testpmd/report/output.h"

namespace pollux::testpmd {

// On a terminal a block overwrites the one before it, and what stood above stays (DPDK clears the screen, and the start report with it).
// Elsewhere, and if the block is higher than the terminal, blocks follow each other.
class StatisticsScreen {
 public:
  explicit StatisticsScreen(Output& output) : output_(output) {}

  void Show(const std::string& text) {
    winsize size{};
    const bool terminal = !output_.json() && isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    const std::size_t lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    const bool overwrite = terminal && lines_ != 0 && lines_ < size.ws_row;
    output_.Print(overwrite ? absl::StrCat("\033[", lines_, "A\033[J", text) : text);
    lines_ = lines;
  }

 private:
  Output& output_;
  std::size_t lines_ = 0;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_REPORT_STATISTICS_SCREEN_H_
