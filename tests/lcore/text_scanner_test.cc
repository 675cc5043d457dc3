// SPDX-License-Identifier: Apache-2.0
#include "lcore/text_scanner.h"

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

TEST(TextScannerTest, WalksOverATextAndItsBlanks) {
  TextScanner scanner(" 12 @( 3-1 )");
  EXPECT_FALSE(scanner.Sees('@'));
  EXPECT_EQ(scanner.TakeNumber("a number", 100).value(), 12u);
  EXPECT_TRUE(scanner.Sees('@'));
  EXPECT_FALSE(scanner.Take('('));
  EXPECT_TRUE(scanner.Take('@'));
  EXPECT_TRUE(scanner.Take('('));
  const TextScanner::Range range = scanner.TakeRange("a number", 100, TextScanner::FallingRange::kSwap).value();
  EXPECT_EQ(range.first, 1u);
  EXPECT_EQ(range.last, 3u);
  EXPECT_FALSE(scanner.AtEnd());
  EXPECT_EQ(scanner.Unexpected("something else").message(), "\" 12 @( 3-1 )\": ')' at position 12; expected something else");
  EXPECT_TRUE(scanner.Take(')'));
  EXPECT_TRUE(scanner.AtEnd());
  EXPECT_FALSE(scanner.Take(')'));
  EXPECT_EQ(scanner.Unexpected("more").message(), "\" 12 @( 3-1 )\": the text ends at position 13; expected more");
}

TEST(TextScannerTest, TheLimitIsTheFirstNumberTooLarge) {
  EXPECT_EQ(TextScanner("9").TakeNumber("a digit", 10).value(), 9u);
  EXPECT_EQ(TextScanner("10").TakeNumber("a digit", 10).status().message(), "\"10\": '10' at position 1; expected a digit (0 to 9)");
  EXPECT_FALSE(TextScanner("4294967296").TakeNumber("a number", 4294967295u).ok()) << "does not wrap to 0";
}

TEST(TextScannerTest, AFallingRangeIsAMistakeUnlessSwapped) {
  EXPECT_EQ(TextScanner("  3-1").TakeRange("a digit", 10, TextScanner::FallingRange::kError).status().message(),
            "\"  3-1\": falling range '3-1' at position 3; expected the lower number first, 1-3");
}

}  // namespace
}  // namespace pollux::lcore
