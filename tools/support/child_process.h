// SPDX-License-Identifier: Apache-2.0
// ChildProcess: a program that a test starts, watches and ends. Single thread.
//
// The child is killed by the kernel when the thread that started it ends, so that no daemon outlives a killed test.
#ifndef TOOLS_SUPPORT_CHILD_PROCESS_H_
#define TOOLS_SUPPORT_CHILD_PROCESS_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/support/network_namespace.h"

namespace pollux::support {

using Arguments = std::vector<std::string>;

constexpr std::chrono::milliseconds kDefaultDeadline{20'000};

struct ChildOptions {
  bool joined_output = false;  // standard error goes where standard output goes: Output() has both, in their order
  bool own_group = false;      // the terminal's Ctrl-C reaches us alone, and we end our children in order
};

// A running child. Killed by the destructor, and by the kernel should we die.
class ChildProcess {
 public:
  // Starts arguments[0], looked up in PATH; inside `network`, with that namespace's /sys and bpf file system, if given.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const Arguments& arguments, const NetworkNamespace* network = nullptr,
                                                             const ChildOptions& options = {});

  // Kills the child if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool running();

  // What the child has written so far. Both may be called at any time, also after its end.
  std::string Output() const;
  std::string Errors() const;

  absl::Status Write(const std::string& text);  // to its standard input
  void CloseInput();
  absl::Status Signal(int signal);
  // SIGINT, and SIGKILL if that takes longer than `patience`. Returns the exit code, as Wait does.
  int Stop(std::chrono::milliseconds patience);

  // Returns the exit code, or 128 + the signal that ended it, as a shell would. The child keeps running past the deadline.
  absl::StatusOr<int> Wait(std::chrono::milliseconds deadline = kDefaultDeadline);

  // Waits until standard output or standard error contains `text`; an error tells what was written instead.
  absl::Status WaitForText(const std::string& text, std::chrono::milliseconds deadline = kDefaultDeadline);

  // The command line and everything it wrote, for the message of a failed expectation.
  std::string Transcript() const;

 private:
  ChildProcess() = default;

  Arguments arguments_;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  int input_fd_ = -1;
  int output_fd_ = -1;
  int errors_fd_ = -1;
  bool joined_ = false;
  std::optional<int> exit_code_;
};

// The end of a program's output, for an error message.
std::string LastWords(const std::string& output);

// The path of a program on PATH or in an sbin folder (or of a file, if the name has a slash); NOT_FOUND.
absl::StatusOr<std::string> FindProgram(const std::string& name);

struct CommandResult {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

// Runs a command to its end; an error only if it could not be started or did not end in time (it is killed then).
absl::StatusOr<CommandResult> RunCommand(const Arguments& arguments, const NetworkNamespace* network = nullptr,
                                         std::chrono::milliseconds deadline = kDefaultDeadline);

// As RunCommand, where an exit code other than 0 is an error too; returns standard output.
absl::StatusOr<std::string> RunSuccessfully(const Arguments& arguments, const NetworkNamespace* network = nullptr,
                                            std::chrono::milliseconds deadline = kDefaultDeadline);

}  // namespace pollux::support

#endif  // TOOLS_SUPPORT_CHILD_PROCESS_H_
