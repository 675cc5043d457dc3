// SPDX-License-Identifier: Apache-2.0
// Patience: how long a test waits for what it expects. Any thread.
//
// POLLUX_TEST_PATIENCE, a whole number, multiplies every deadline: for an emulated machine (tools/guest --kernel-table).
#ifndef TESTS_SUPPORT_PATIENCE_H_
#define TESTS_SUPPORT_PATIENCE_H_

#include <algorithm>
#include <chrono>
#include <cstdlib>

namespace pollux::support {

inline std::chrono::milliseconds Patience(std::chrono::milliseconds usual) {
  static const int kFactor = [] {
    const char* factor = std::getenv("POLLUX_TEST_PATIENCE");
    return factor == nullptr ? 1 : std::max(1, std::atoi(factor));
  }();
  return usual * kFactor;
}

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_PATIENCE_H_
