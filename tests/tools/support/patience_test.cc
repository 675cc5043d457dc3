// SPDX-License-Identifier: Apache-2.0
#include "tools/support/patience.h"

#include <gtest/gtest.h>

namespace pollux::support {
namespace {

using namespace std::chrono_literals;

TEST(PatienceTest, TheEnvironmentMultipliesADeadline) {
  ASSERT_EQ(setenv("POLLUX_TEST_PATIENCE", "3", 1), 0);
  EXPECT_EQ(Patience(100ms), 300ms);
}

TEST(PatienceTest, NothingStaysNothing) {
  EXPECT_EQ(Patience(0ms), 0ms);
}

}  // namespace
}  // namespace pollux::support
