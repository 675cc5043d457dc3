// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/process.h"

#include <signal.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::performance {
namespace {

using ::testing::HasSubstr;

TEST(RunCommandTest, ReturnsTheOutputOfBothStreams) {
  auto output = RunCommand({.command = {"sh", "-c", "echo one; echo two >&2"}});
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(*output, "one\ntwo\n");
}

TEST(RunCommandTest, AFailureNamesCommandCodeAndLastWords) {
  auto output = RunCommand({.command = {"sh", "-c", "echo why; exit 3"}});
  ASSERT_FALSE(output.ok());
  EXPECT_THAT(std::string(output.status().message()), HasSubstr("exit code 3; why"));
}

TEST(ChildProcessTest, StopsWithSigintAndTellsTheCode) {
  auto child = ChildProcess::Start({.command = {"sh", "-c", "trap 'exit 5' INT; echo ready; while :; do sleep 0.01; done"}});
  ASSERT_TRUE(child.ok()) << child.status();
  while ((*child)->Output().empty()) {
    ASSERT_TRUE((*child)->Running());
  }
  EXPECT_EQ((*child)->Stop(/*timeout_s=*/10), 5);
  EXPECT_FALSE((*child)->Running());
}

TEST(ChildProcessTest, StopKillsWhatDoesNotListen) {
  auto child = ChildProcess::Start({.command = {"sh", "-c", "trap '' INT; echo ready; while :; do sleep 0.01; done"}});
  ASSERT_TRUE(child.ok()) << child.status();
  while ((*child)->Output().empty()) {
    ASSERT_TRUE((*child)->Running());
  }
  EXPECT_EQ((*child)->Stop(/*timeout_s=*/0.05), 128 + SIGKILL);
}

TEST(ChildProcessTest, TheDestructorEndsIt) {
  pid_t pid;
  {
    auto child = ChildProcess::Start({.command = {"sleep", "1000"}});
    ASSERT_TRUE(child.ok()) << child.status();
    pid = (*child)->pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(LastWordsTest, TheLastSixLines) {
  EXPECT_EQ(LastWords("1\n2\n3\n4\n5\n6\n7\n8\n"), "3\n4\n5\n6\n7\n8\n");
  EXPECT_EQ(LastWords("only\n"), "only\n");
  EXPECT_EQ(LastWords(""), "");
}

TEST(FindProgramTest, OnThePathAndByFile) {
  EXPECT_TRUE(FindProgram("sh").ok());
  EXPECT_TRUE(FindProgram("/bin/sh").ok());
  EXPECT_TRUE(absl::IsNotFound(FindProgram("no-such-program").status()));
  EXPECT_TRUE(absl::IsNotFound(FindProgram("/no/such/program").status()));
}

}  // namespace
}  // namespace pollux::performance
