// SPDX-License-Identifier: Apache-2.0
#include "pmd/pcap/pacer.h"

#include <gtest/gtest.h>

namespace pollux::pmd {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(Pacer, NothingIsDueAtTheStart) {
  Pacer pacer(1000, 512);
  pacer.Start(5 * kSecond);
  EXPECT_EQ(pacer.Due(5 * kSecond), 0u);
  EXPECT_EQ(pacer.Due(5 * kSecond + 999'999), 0u);
  EXPECT_EQ(pacer.Due(5 * kSecond + 1'000'000), 1u);
}

TEST(Pacer, WhatWasNotSpentStaysDue) {
  Pacer pacer(1000, 512);
  pacer.Start(0);
  EXPECT_EQ(pacer.Due(kSecond / 100), 10u);
  pacer.Spend(4);
  EXPECT_EQ(pacer.Due(kSecond / 100), 6u);
}

TEST(Pacer, KeepsAnUnevenRateForDaysWithoutDrift) {
  Pacer pacer(7, 512);
  pacer.Start(123);
  uint64_t total = 0;
  for (uint64_t second = 1; second <= 200'000; ++second) {
    const std::size_t due = pacer.Due(123 + second * kSecond);
    pacer.Spend(due);
    total += due;
  }
  EXPECT_EQ(total, 7u * 200'000);
}

TEST(Pacer, DoesNotOverflowAtTheHighestRate) {
  Pacer pacer(kSecond, 512);
  pacer.Start(0);
  constexpr uint64_t kYear = 365 * 86400 * kSecond;
  EXPECT_EQ(pacer.Due(kYear), 512u);
  pacer.Spend(512);
  EXPECT_EQ(pacer.Due(kYear), 0u);
  EXPECT_EQ(pacer.Due(kYear + 3), 3u);
}

TEST(Pacer, ForgivesWhatIsBeyondTheDebt) {
  Pacer pacer(1000, 16);
  pacer.Start(0);
  EXPECT_EQ(pacer.Due(kSecond), 16u);
  pacer.Spend(16);
  EXPECT_EQ(pacer.Due(kSecond), 0u);
  EXPECT_EQ(pacer.Due(kSecond + kSecond / 1000), 1u);
}

TEST(Pacer, StartsAnew) {
  Pacer pacer(1000, 512);
  pacer.Start(0);
  pacer.Spend(pacer.Due(kSecond / 10));
  pacer.Start(kSecond);
  EXPECT_EQ(pacer.Due(kSecond + 2'000'000), 2u);
}

}  // namespace
}  // namespace pollux::pmd
