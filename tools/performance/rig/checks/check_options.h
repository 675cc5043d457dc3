// SPDX-License-Identifier: Apache-2.0
// What the checks of transmit engines are told on their command lines, and the depths of bursts that they go through.
#ifndef TOOLS_PERFORMANCE_RIG_CHECKS_CHECK_OPTIONS_H_
#define TOOLS_PERFORMANCE_RIG_CHECKS_CHECK_OPTIONS_H_

#include <array>
#include <cstddef>
#include <optional>

namespace pollux::performance {

inline constexpr std::array<std::size_t, 11> kDepths = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

struct CheckOptions {
  int rounds = 5;
  double length = 50;  // of a turn, in `unit`
  const char* unit = "MILLISECONDS";
  int cpu = 1;  // that sends
};

// Reads "[ROUNDS [LENGTH [CPU]]]" over `usual`, and moves the calling thread to that CPU. Empty: it was wrong, and was said on the standard
// error output.
std::optional<CheckOptions> TakeCheckOptions(int count, char** words, const CheckOptions& usual);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_CHECKS_CHECK_OPTIONS_H_
