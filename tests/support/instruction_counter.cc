// SPDX-License-Identifier: Apache-2.0
#include "tests/support/instruction_counter.h"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <gtest/gtest.h>

namespace pollux::support {
namespace {

constexpr int kBegin = SIGUSR1, kEnd = SIGUSR2;

struct Count {
  uint64_t instructions = 0;
  uint64_t times = 0;  // Begin and End
};

Count Follow(const std::function<void(const InstructionCounter&)>& body) {
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    body(InstructionCounter());
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  Count count;
  bool counts = false;
  int status = 0;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    const int signal = WSTOPSIG(status);
    int given = 0;  // to the child
    if (signal == kBegin) {
      counts = true;
    } else if (signal == kEnd) {
      counts = false;
      ++count.times;
    } else if (signal == SIGTRAP && counts) {
      ++count.instructions;
    } else {
      given = signal;
    }
    ptrace(counts ? PTRACE_SINGLESTEP : PTRACE_CONT, child, nullptr, given);
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the copy that was counted ended with status " << status;
  return count;
}

}  // namespace

void InstructionCounter::Begin() const {
  raise(kBegin);
}

void InstructionCounter::End() const {
  raise(kEnd);
}

uint64_t CountInstructions(const std::function<void(const InstructionCounter&)>& body) {
  const Count nothing = Follow([](const InstructionCounter& counter) {
    counter.Begin();
    counter.End();
  });
  const Count all = Follow(body);
  return all.instructions - all.times * nothing.instructions;
}

}  // namespace pollux::support
