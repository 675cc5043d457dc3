// SPDX-License-Identifier: Apache-2.0
// Patience: how long a test waits for what it expects. Any thread.
//
// POLLUX_TEST_PATIENCE, a whole number, multiplies every deadline: for an emulated machine (tools/guest --kernel-table).
#ifndef TOOLS_SUPPORT_PATIENCE_H_
#define TOOLS_SUPPORT_PATIENCE_H_

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace pollux::support {

inline std::chrono::milliseconds Patience(std::chrono::milliseconds usual) {
  static const int kFactor = [] {
    const char* factor = std::getenv("POLLUX_TEST_PATIENCE");
    return factor == nullptr ? 1 : std::max(1, std::atoi(factor));
  }();
  return usual * kFactor;
}

// Waits until `expected()` is true; false: it was not within `usual`.
template <typename Condition>
bool Eventually(Condition expected, std::chrono::milliseconds usual = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + Patience(usual);
  while (!expected()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace pollux::support

#endif  // TOOLS_SUPPORT_PATIENCE_H_
