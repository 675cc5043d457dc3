// SPDX-License-Identifier: Apache-2.0
#include "tools/support/child_process.h"

#include <signal.h>

#include <gtest/gtest.h>

namespace pollux::support {
namespace {

using std::chrono::milliseconds;

TEST(ChildProcessTest, OutputErrorsAndExitCodeAreKept) {
  const auto result = RunCommand({"sh", "-c", "echo out; echo err >&2; exit 7"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->output, "out\n");
  EXPECT_EQ(result->errors, "err\n");
}

TEST(ChildProcessTest, ASignalShowsAsAShellWouldShowIt) {
  const auto child = ChildProcess::Start({"sleep", "60"});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_TRUE((*child)->running());
  ASSERT_TRUE((*child)->Signal(SIGTERM).ok());
  const auto exit_code = (*child)->Wait();
  ASSERT_TRUE(exit_code.ok()) << exit_code.status();
  EXPECT_EQ(*exit_code, 128 + SIGTERM);
  EXPECT_FALSE((*child)->running());
  EXPECT_FALSE((*child)->Signal(SIGTERM).ok());
}

TEST(ChildProcessTest, AMissingProgramIsAnErrorThatNamesIt) {
  const auto child = ChildProcess::Start({"/no/such/program", "argument"});
  ASSERT_FALSE(child.ok());
  EXPECT_NE(child.status().message().find("/no/such/program argument"), absl::string_view::npos) << child.status();
}

TEST(ChildProcessTest, WaitingForTextEndsWithTheText) {
  const auto child = ChildProcess::Start({"cat"});
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ((*child)->WaitForText("hello", milliseconds(20)).code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE((*child)->Write("hello\n").ok());
  EXPECT_TRUE((*child)->WaitForText("hello").ok());
  (*child)->CloseInput();
  EXPECT_EQ((*child)->Wait().value(), 0);
}

TEST(ChildProcessTest, WaitingForTextEndsWithTheProcess) {
  const auto child = ChildProcess::Start({"echo", "something else"});
  ASSERT_TRUE(child.ok()) << child.status();
  const absl::Status waited = (*child)->WaitForText("hello", std::chrono::hours(1));
  EXPECT_NE(waited.message().find("something else"), absl::string_view::npos) << waited;
}

TEST(ChildProcessTest, TheDestructorKills) {
  auto child = ChildProcess::Start({"sleep", "60"});
  ASSERT_TRUE(child.ok()) << child.status();
  const pid_t pid = (*child)->pid();
  child->reset();
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(ChildProcessTest, ADeadlineKillsACommand) {
  const auto result = RunCommand({"sleep", "60"}, nullptr, milliseconds(20));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded) << result.status();
}

TEST(ChildProcessTest, SuccessIsExitCodeZero) {
  EXPECT_EQ(RunSuccessfully({"echo", "fine"}).value(), "fine\n");
  const auto failed = RunSuccessfully({"sh", "-c", "echo because >&2; exit 3"});
  EXPECT_NE(failed.status().message().find("because"), absl::string_view::npos) << failed.status();
}

TEST(ChildProcessTest, JoinedOutputKeepsTheOrder) {
  auto child = ChildProcess::Start({"sh", "-c", "echo one; echo two >&2; echo three"}, nullptr, {.joined_output = true});
  ASSERT_TRUE(child.ok()) << child.status();
  ASSERT_TRUE((*child)->Wait().ok());
  EXPECT_EQ((*child)->Output(), "one\ntwo\nthree\n");
}

TEST(ChildProcessTest, AGroupOfItsOwn) {
  for (const bool own : {false, true}) {
    auto child = ChildProcess::Start({"sleep", "1000"}, nullptr, {.own_group = own});
    ASSERT_TRUE(child.ok()) << child.status();
    EXPECT_EQ(getpgid((*child)->pid()) == (*child)->pid(), own);
  }
}

TEST(ChildProcessTest, StopsWithSigintAndTellsTheCode) {
  auto child = ChildProcess::Start({"sh", "-c", "trap 'exit 5' INT; echo ready; while :; do sleep 0.01; done"});
  ASSERT_TRUE(child.ok()) << child.status();
  while ((*child)->Output().empty()) {
    ASSERT_TRUE((*child)->running());
  }
  EXPECT_EQ((*child)->Stop(std::chrono::seconds(10)), 5);
  EXPECT_FALSE((*child)->running());
}

TEST(ChildProcessTest, StopKillsWhatDoesNotListen) {
  auto child = ChildProcess::Start({"sh", "-c", "trap '' INT; echo ready; while :; do sleep 0.01; done"});
  ASSERT_TRUE(child.ok()) << child.status();
  while ((*child)->Output().empty()) {
    ASSERT_TRUE((*child)->running());
  }
  EXPECT_EQ((*child)->Stop(std::chrono::milliseconds(50)), 128 + SIGKILL);
}

TEST(ChildProcessTest, TheDestructorEndsIt) {
  pid_t pid;
  {
    auto child = ChildProcess::Start({"sleep", "1000"});
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
}  // namespace pollux::support
