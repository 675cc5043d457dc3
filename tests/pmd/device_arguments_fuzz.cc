// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of DeviceArguments::Parse: whatever the text, it returns; and what it accepts is all there.
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "pmd/device_arguments.h"

namespace pollux::pmd {
namespace {

std::string RandomText(std::mt19937& random) {
  static const std::string kPieces[] = {"net_null0", ",", "=", "size", "64", "(", ")", "[", "]", "{", "}", "\"", "0x", "a:b", " ", "\\"};
  std::string text;
  for (std::size_t length = random() % 24; length > 0; --length) {
    if (random() % 16 == 0) {
      text.push_back(static_cast<char>(random()));
    } else {
      text += kPieces[random() % std::size(kPieces)];
    }
  }
  return text;
}

TEST(DeviceArgumentsFuzz, AnyTextIsTakenApartOrRefused) {
  std::mt19937 random(1);
  std::size_t accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    const std::string text = (random() % 2 == 0 ? "net_x" : "") + RandomText(random);
    absl::StatusOr<DeviceArguments> arguments = DeviceArguments::Parse(text);
    if (!arguments.ok()) {
      ASSERT_EQ(arguments.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ++accepted;
    ASSERT_FALSE(arguments->name().empty());
    ASSERT_EQ(text.compare(0, arguments->name().size(), arguments->name()), 0);
    // With more than commas behind the name there is an argument at least, and nobody took it.
    ASSERT_EQ(arguments->Finish().ok(), text.find_first_not_of(',', arguments->name().size()) == std::string::npos) << text;
    (void)arguments->TakeNumber("size", 1, 1, 100);
    (void)arguments->TakeFlag("64", false);
    (void)arguments->TakeAll("size");
    (void)arguments->Finish();
  }
  EXPECT_GT(accepted, 1000u);  // the generator must reach behind the first check
}

}  // namespace
}  // namespace pollux::pmd
