// SPDX-License-Identifier: Apache-2.0
#include "lcore/core_set.h"

#include <string>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

struct GoodText {
  const char* text;
  CoreSet expected;
  const char* compact;
};

TEST(CoreSetTest, ParsesListsAndWritesThemCompactly) {
  const GoodText cases[] = {
      {"0", {0}, "0"},
      {"0-3,8", {0, 1, 2, 3, 8}, "0-3,8"},
      {"8,0,1", {0, 1, 8}, "0-1,8"},
      {"5-5", {5}, "5"},
      {"0,0-1,1", {0, 1}, "0-1"},
      {" 1 , 2 - 4\t", {1, 2, 3, 4}, "1-4"},
      {"1023", {1023}, "1023"},
      {"1022-1023,0", {0, 1022, 1023}, "0,1022-1023"},
      {"007", {7}, "7"},
  };
  for (const GoodText& good : cases) {
    const absl::StatusOr<CoreSet> set = CoreSet::Parse(good.text);
    ASSERT_TRUE(set.ok()) << set.status();
    EXPECT_EQ(*set, good.expected) << good.text;
    EXPECT_EQ(set->ToString(), good.compact);
    EXPECT_EQ(CoreSet::Parse(set->ToString()).value(), *set);
  }
}

struct BadText {
  const char* text;
  const char* message;
};

TEST(CoreSetTest, NamesThePositionOfAMistake) {
  const BadText cases[] = {
      {"", "\"\": the text ends at position 1; expected a CPU number (0 to 1023)"},
      {"  ", "\"  \": the text ends at position 3; expected a CPU number (0 to 1023)"},
      {"0,", "\"0,\": the text ends at position 3; expected a CPU number (0 to 1023)"},
      {",0", "\",0\": ',' at position 1; expected a CPU number (0 to 1023)"},
      {"0,,1", "\"0,,1\": ',' at position 3; expected a CPU number (0 to 1023)"},
      {"x", "\"x\": 'x' at position 1; expected a CPU number (0 to 1023)"},
      {"-1", "\"-1\": '-' at position 1; expected a CPU number (0 to 1023)"},
      {"3-", "\"3-\": the text ends at position 3; expected a CPU number (0 to 1023)"},
      {"1,4-2", "\"1,4-2\": falling range '4-2' at position 3; expected the lower number first, 2-4"},
      {"1024", "\"1024\": '1024' at position 1; expected a CPU number (0 to 1023)"},
      {"0-1024", "\"0-1024\": '1024' at position 3; expected a CPU number (0 to 1023)"},
      {"99999999999999999999", "\"99999999999999999999\": '99999999999999999999' at position 1; expected a CPU number (0 to 1023)"},
      {"0-1-2", "\"0-1-2\": '-' at position 4; expected ',', '-' or the end of the list"},
      {"0 1", "\"0 1\": '1' at position 3; expected ',', '-' or the end of the list"},
      {"0@1", "\"0@1\": '@' at position 2; expected ',', '-' or the end of the list"},
  };
  for (const BadText& bad : cases) {
    const absl::StatusOr<CoreSet> set = CoreSet::Parse(bad.text);
    EXPECT_EQ(set.status().code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_EQ(set.status().message(), bad.message);
  }
}

TEST(CoreSetTest, ParsesHexMasks) {
  EXPECT_EQ(CoreSet::ParseHexMask("0x1").value(), CoreSet({0}));
  EXPECT_EQ(CoreSet::ParseHexMask("f").value(), CoreSet({0, 1, 2, 3}));
  EXPECT_EQ(CoreSet::ParseHexMask("0X101").value(), CoreSet({0, 8}));
  EXPECT_EQ(CoreSet::ParseHexMask(" A ").value(), CoreSet({1, 3}));
  EXPECT_EQ(CoreSet::ParseHexMask("8" + std::string(255, '0')).value(), CoreSet({1023}));
  EXPECT_EQ(CoreSet::ParseHexMask(std::string(20, '0') + "3").value(), CoreSet({0, 1}));
}

TEST(CoreSetTest, RefusesMalformedMasks) {
  const std::string too_wide = "1" + std::string(256, '0');
  const std::string too_wide_message = "\"" + too_wide + "\": names CPU 1024; the last is 1023";
  const BadText cases[] = {
      {"", "\"\": no digits; expected a hexadecimal mask of CPUs, as 0xf"},
      {"0x", "\"0x\": no digits; expected a hexadecimal mask of CPUs, as 0xf"},
      {"0x0", "\"0x0\": no CPU in the mask; expected at least one bit set"},
      {" 0x1g", "\" 0x1g\": 'g' at position 5; expected a hexadecimal digit"},
      {"0-3", "\"0-3\": '-' at position 2; expected a hexadecimal digit"},
      {too_wide.c_str(), too_wide_message.c_str()},
  };
  for (const BadText& bad : cases) {
    const absl::StatusOr<CoreSet> set = CoreSet::ParseHexMask(bad.text);
    EXPECT_EQ(set.status().code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_EQ(set.status().message(), bad.message);
  }
}

TEST(CoreSetTest, IsASet) {
  const CoreSet low{0, 1, 2};
  const CoreSet high{2, 3};
  EXPECT_EQ(low | high, CoreSet({0, 1, 2, 3}));
  EXPECT_EQ(low & high, CoreSet({2}));
  EXPECT_EQ(low - high, CoreSet({0, 1}));
  EXPECT_TRUE(low.ContainsAll({0, 2}));
  EXPECT_FALSE(low.ContainsAll(high));
  EXPECT_TRUE(low.Contains(2));
  EXPECT_FALSE(low.Contains(CoreSet::kMaxCpus));
  EXPECT_EQ(low.size(), 3u);
  EXPECT_EQ(low.cpus(), (std::vector<unsigned>{0, 1, 2}));
  EXPECT_TRUE(CoreSet().empty());
  EXPECT_EQ(CoreSet().ToString(), "");
}

}  // namespace
}  // namespace pollux::lcore
