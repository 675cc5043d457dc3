// SPDX-License-Identifier: Apache-2.0
#include "tests/support/child_process.h"

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

}  // namespace
}  // namespace pollux::support
