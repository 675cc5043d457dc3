// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/watchdog.h"

#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;

TEST(WatchdogTest, APortThatDoesNotRecoverIsOpenedMoreAndMoreSeldom) {
  Watchdog watchdog;
  std::vector<uint64_t> at;
  for (uint64_t second = 1; second <= 300; ++second) {
    if (watchdog.MayReopen(0, second * kSecondNs)) at.push_back(second);
  }
  EXPECT_EQ(at, (std::vector<uint64_t>{1, 2, 4, 8, 16, 32, 64, 128, 192, 256}));
  EXPECT_EQ(watchdog.reopened().at(0), at.size());
}

TEST(WatchdogTest, OneThatRanForLongBeginsAnewAndPortsHaveTheirOwnPauses) {
  Watchdog watchdog;
  EXPECT_TRUE(watchdog.MayReopen(0, 1 * kSecondNs));
  EXPECT_TRUE(watchdog.MayReopen(0, 3 * kSecondNs));
  EXPECT_FALSE(watchdog.MayReopen(0, 4 * kSecondNs));
  EXPECT_TRUE(watchdog.MayReopen(1, 4 * kSecondNs));
  EXPECT_TRUE(watchdog.MayReopen(0, 200 * kSecondNs));
  EXPECT_TRUE(watchdog.MayReopen(0, 201 * kSecondNs)) << "the first pause again";
}

}  // namespace
}  // namespace pollux::testpmd
