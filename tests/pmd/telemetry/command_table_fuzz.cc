// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of what reads requests: whatever the bytes, the answer is one JSON object, keyed by the command.
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pmd/telemetry/command_table.h"
#include "pmd/telemetry/commands.h"
#include "tests/pmd/telemetry/telemetry_fixture.h"

namespace pollux::pmd::telemetry {
namespace {

std::string RandomRequest(std::mt19937& random) {
  static const std::string kPieces[] = {
      "/ethdev/", "stats", "xstats", "rx_queue", "link_status", "/mempool/info",        "/help", "/eal/lcore/info",
      ",",        "0",     "1",      "-1",       " ",           "18446744073709551616", "\"",    "\\"};
  std::string text;
  for (std::size_t length = random() % 8; length > 0; --length) {
    if (random() % 8 == 0) {
      text.push_back(static_cast<char>(random()));  // also NUL, and what is no UTF-8
    } else {
      text += kPieces[random() % std::size(kPieces)];
    }
  }
  return text;
}

TEST(CommandTableFuzz, AnyRequestIsAnsweredWithOneObject) {
  TwoPorts view;
  CommandTable table;
  AddEthdevCommands(table, view);
  AddProcessCommands(table, view);
  AddPolluxCommands(table, view);
  std::mt19937 random(1);
  std::size_t answered = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::string request = RandomRequest(random);
    const nlohmann::json answer = nlohmann::json::parse(table.Answer(request));
    ASSERT_TRUE(answer.is_object());
    ASSERT_GE(answer.size(), 1u);
    if (!answer.contains("error")) ++answered;
  }
  EXPECT_GT(answered, 100u);  // the generator must reach the commands
}

}  // namespace
}  // namespace pollux::pmd::telemetry
