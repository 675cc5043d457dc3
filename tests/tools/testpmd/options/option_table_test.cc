// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/options/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::testpmd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OptionTableTest : public ::testing::Test {
 protected:
  OptionTableTest() {
    Add("interactive", 'i', OptionValue::kNone);
    Add("rxq", 0, OptionValue::kRequired);
    Add("rxd", 0, OptionValue::kRequired);
    Add("tx-first", 0, OptionValue::kOptional);
    Add("log-level", 0, OptionValue::kRequired);
    Add("", 'l', OptionValue::kRequired);
    table_.AddForeign({"vdev"}, "it belongs before --");
  }

  void Add(const std::string& name, char letter, OptionValue value) {
    const std::string shown = name.empty() ? std::string(1, letter) : name;
    table_.Add({name, letter, value, "N", "help of " + shown, [this, shown](const std::string& text) {
                  seen_.push_back(shown + "(" + text + ")");
                  return text == "bad" ? absl::InvalidArgumentError("is bad") : absl::OkStatus();
                }});
  }

  std::string Message(const std::vector<std::string>& arguments) { return std::string(table_.Parse(arguments).message()); }

  OptionTable table_{"testpmd option"};
  std::vector<std::string> seen_;
};

TEST_F(OptionTableTest, TakesEverySpellingOfGetopt) {
  ASSERT_TRUE(table_.Parse({"--rxq=1", "--rxq", "2", "-rxq=3", "-rxq", "4"}).ok());
  ASSERT_TRUE(table_.Parse({"-i", "--interactive", "-interactive", "--int"}).ok());
  ASSERT_TRUE(table_.Parse({"-l", "0,1", "-l0-3", "-l=5", "-log-level=8", "--log-level=*:8"}).ok());
  ASSERT_TRUE(table_.Parse({"--tx-first", "--tx-first=3"}).ok());
  EXPECT_THAT(seen_, ElementsAre("rxq(1)", "rxq(2)", "rxq(3)", "rxq(4)", "interactive()", "interactive()", "interactive()", "interactive()",
                                 "l(0,1)", "l(0-3)", "l(5)", "log-level(8)", "log-level(*:8)", "tx-first()", "tx-first(3)"));
}

TEST_F(OptionTableTest, NamesWhatIsWrong) {
  EXPECT_EQ(Message({"--rxx=1"}), "--rxx=1: unknown testpmd option; did you mean --rxq?");
  EXPECT_EQ(Message({"--hairpin"}), "--hairpin: unknown testpmd option");
  EXPECT_EQ(Message({"--rx=1"}), "--rx=1: ambiguous testpmd option: --rxq, --rxd");
  EXPECT_EQ(Message({"--rxq"}), "--rxq: needs a value N");
  EXPECT_EQ(Message({"-i=1"}), "-i=1: this option takes no value");
  EXPECT_EQ(Message({"--rxq=bad"}), "--rxq=bad: is bad");
  EXPECT_EQ(Message({"--rxq", "bad"}), "--rxq bad: is bad");
  EXPECT_EQ(Message({"--vdev=x"}), "--vdev=x: unknown testpmd option; it belongs before --");
  EXPECT_EQ(Message({"word"}), "'word': not an option; options begin with a dash");
  EXPECT_EQ(Message({"--=3"}), "--=3: unknown testpmd option");
  EXPECT_EQ(Message({"-"}), "'-': not an option; options begin with a dash");
}

TEST_F(OptionTableTest, HelpHasTwoColumns) {
  EXPECT_THAT(table_.Help(), HasSubstr("  -i, --interactive               help of interactive\n"));
  EXPECT_THAT(table_.Help(), HasSubstr("  --tx-first[=N]                  help of tx-first\n"));
  EXPECT_THAT(table_.Help(), HasSubstr("  -l N                            help of l\n"));
}

}  // namespace
}  // namespace pollux::testpmd
