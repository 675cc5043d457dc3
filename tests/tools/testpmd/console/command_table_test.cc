// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/console/command_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <absl/strings/str_join.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CommandTableTest : public ::testing::Test {
 protected:
  CommandTableTest() {
    for (const char* pattern : {"show port info|stats PORT|all", "show port PORT rxq QUEUE", "show config fwd|cores",
                                "start [tx_first] [N]", "set fwd MODE [retry]", "stop"}) {
      table_.Add({pattern, std::string(pattern) == "stop" ? "control" : "display", "Helps.", [this](const Words& words) {
                    ran_.push_back(absl::StrJoin(words, " "));
                    return absl::OkStatus();
                  }});
    }
  }
  std::string Message(absl::string_view line) { return std::string(table_.Run(line).message()); }

  CommandTable table_;
  std::vector<std::string> ran_;
};

TEST_F(CommandTableTest, RunsWhatFits) {
  for (const char* line : {"show port info all", "  show\tport stats 0 \n", "show port 1 rxq 2", "start", "start tx_first",
                           "start tx_first 5", "set fwd mac", "set fwd mac retry"}) {
    EXPECT_TRUE(table_.Run(line).ok()) << line;
  }
  EXPECT_THAT(ran_, ElementsAre("show port info all", "show port stats 0", "show port 1 rxq 2", "start", "start tx_first",
                                "start tx_first 5", "set fwd mac", "set fwd mac retry"));
}

TEST_F(CommandTableTest, PassesOverEmptyLinesAndComments) {
  EXPECT_TRUE(table_.Run("").ok());
  EXPECT_TRUE(table_.Run(" \t\n").ok());
  EXPECT_TRUE(table_.Run("# show port info all").ok());
  EXPECT_THAT(ran_, IsEmpty());
}

TEST_F(CommandTableTest, SaysWhichWordWasExpected) {
  EXPECT_EQ(Message("foo bar"), "Command not found: foo");
  EXPECT_EQ(Message("strat"), "Command not found: strat; did you mean start?");
  EXPECT_EQ(Message("show"), "Bad arguments: 'show' is followed by port|config");
  EXPECT_EQ(Message("show port infos all"),
            "Bad arguments: 'show port' is followed by info|stats|PORT, not by 'infos'; did you mean info?");
  EXPECT_EQ(Message("show port info"), "Bad arguments: 'show port info' is followed by all|PORT");
  EXPECT_EQ(Message("show port info x"), "Bad arguments: 'show port info' is followed by all|PORT, not by 'x'");
  EXPECT_EQ(Message("stop it"), "Bad arguments: nothing follows 'stop', but there is 'it'");
  EXPECT_EQ(Message("set fwd mac again"), "Bad arguments: 'set fwd mac' is followed by retry, not by 'again'");
  EXPECT_THAT(ran_, IsEmpty());
}

TEST_F(CommandTableTest, CompletesWords) {
  EXPECT_THAT(table_.Complete(""), ElementsAre("set", "show", "start", "stop"));
  EXPECT_THAT(table_.Complete("st"), ElementsAre("start", "stop"));
  EXPECT_THAT(table_.Complete("show "), ElementsAre("config", "port"));
  EXPECT_THAT(table_.Complete("show port s"), ElementsAre("stats"));
  EXPECT_THAT(table_.Complete("show port info a"), ElementsAre("all"));
  EXPECT_THAT(table_.Complete("show nothing "), IsEmpty());
  EXPECT_THAT(table_.Complete("stop "), IsEmpty());
}

TEST_F(CommandTableTest, HelpsBySection) {
  EXPECT_THAT(table_.Help(""), HasSubstr("    help display\n    help control\n    help all\n"));
  EXPECT_EQ(table_.Help("control"), "\nControl:\n--------\n\nstop\n    Helps.\n\n");
  EXPECT_THAT(table_.Help("all"), HasSubstr("set fwd MODE [retry]\n    Helps.\n"));
}

}  // namespace
}  // namespace pollux::testpmd
