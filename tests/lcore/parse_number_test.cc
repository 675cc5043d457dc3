// SPDX-License-Identifier: Apache-2.0
#include "lcore/parse_number.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <absl/strings/str_cat.h>

namespace pollux::lcore {
namespace {

using ::testing::ElementsAre;

TEST(ParseNumber, TakesDecimalAndHexadecimalWithinLimits) {
  EXPECT_EQ(*ParseNumber("17", 1, 512), 17u);
  EXPECT_EQ(*ParseNumber("0x20", 1, 512), 32u);
  EXPECT_EQ(*ParseNumber("0X20", 1, 512), 32u);
  EXPECT_EQ(*ParseNumber("18446744073709551615", 0, UINT64_MAX), UINT64_MAX);
  for (const char* bad : {"", "0", "513", "x", "1x", "-1", " 1", "1 ", "+1", "0x", "0x-1", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(ParseNumber(bad, 1, 512).status().message(), absl::StrCat("'", bad, "': a number from 1 to 512 is expected"));
  }
}

TEST(ParseNumberList, KeepsTheOrder) {
  EXPECT_THAT(*ParseNumberList("3,0-2,3", "a port", 64), ElementsAre(3, 0, 1, 2, 3));
  EXPECT_EQ(ParseNumberList("1,64", "a port", 64).status().message(), "\"1,64\": '64' at position 3; expected a port (0 to 63)");
  EXPECT_FALSE(ParseNumberList("2-1", "a port", 64).ok());
}

TEST(ParseBitMask, NumbersTheBitsInRisingOrder) {
  EXPECT_THAT(*ParseBitMask("0x8000000000000015", "port", 64), ElementsAre(0, 2, 4, 63));
  EXPECT_EQ(ParseBitMask("10000000000000000", "port", 64).status().message(), "\"10000000000000000\": names port 64; the last is 63");
  EXPECT_FALSE(ParseBitMask("0", "port", 64).ok());
}

TEST(ParseMac, TakesSixPairs) {
  EXPECT_THAT(*ParseMac("02:00:5e-10:00:0A"), ElementsAre(2, 0, 0x5e, 0x10, 0, 0x0a));
  for (const char* bad :
       {"", "02:00:5e:10:00", "02:00:5e:10:00:0", "02:00:5e:10:00:0g", "02.00:5e:10:00:0a", "02:00:5e:10:00:0a:", "+2:00:5e:10:00:0a"}) {
    EXPECT_FALSE(ParseMac(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace pollux::lcore
