// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/progress.h"

#include <unistd.h>

#include <cstdio>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

namespace pollux::performance {

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (terminal_) std::fprintf(stderr, "\r\033[K");
}

void Progress::Expect(int steps, double seconds) {
  steps_ += steps;
  expected_s_ += steps * seconds;
}

void Progress::Begin(const std::string& what) {
  step_ = what;
  begin_ = std::chrono::steady_clock::now();
  if (terminal_) Show(what, /*final=*/false);
}

void Progress::End(const std::string& result) {
  ++done_;
  real_done_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  expected_done_s_ = steps_ > 0 ? expected_s_ * done_ / steps_ : 0;
  Show(absl::StrCat(step_, ": ", result), /*final=*/true);
}

double Progress::elapsed_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::Show(const std::string& text, bool final) {
  const double correction = expected_done_s_ > 0 ? real_done_s_ / expected_done_s_ : 1;
  const int left_s = static_cast<int>((expected_s_ - expected_done_s_) * correction);
  std::fprintf(stderr, "%s[%d/%d, %d:%02d left] %s%s", terminal_ ? "\r\033[K" : "", final ? done_ : done_ + 1, steps_, left_s / 60,
               left_s % 60, text.c_str(), terminal_ ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace pollux::performance
