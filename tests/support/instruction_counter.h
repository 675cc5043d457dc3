// SPDX-License-Identifier: Apache-2.0
// CountInstructions: how many instructions of user space a piece of code executes. Exact and the same at any load of the machine: a copy of
// this process executes it step by step (ptrace(2), PTRACE_SINGLESTEP). A system call is one instruction.
#ifndef TESTS_SUPPORT_INSTRUCTION_COUNTER_H_
#define TESTS_SUPPORT_INSTRUCTION_COUNTER_H_

#include <cstdint>
#include <functional>

namespace pollux::support {

// Between these two calls, in `body` below. About a microsecond an instruction; what is outside runs as fast as ever.
class InstructionCounter {
 public:
  void Begin() const;
  void End() const;
};

// Runs `body` in a copy of this process, which has no thread but the calling one; what it changes is lost. Returns the instructions
// between Begin and End in all, less what these calls take themselves. Fails the test, and returns 0, where the copy ends by an error.
uint64_t CountInstructions(const std::function<void(const InstructionCounter&)>& body);

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_INSTRUCTION_COUNTER_H_
