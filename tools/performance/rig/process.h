// SPDX-License-Identifier: Apache-2.0
// Commands and child processes, in a network namespace if asked. Main thread only: a child dies with the thread that started it.
#ifndef TOOLS_PERFORMANCE_RIG_PROCESS_H_
#define TOOLS_PERFORMANCE_RIG_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::performance {

struct ProcessOptions {
  std::vector<std::string> command;
  int network_namespace = -1;  // an open namespace: the process gets it, a /sys that shows it, and a /sys/fs/bpf of its own
};

// A running child. Killed by the destructor, and by the kernel should we die.
class ChildProcess {
 public:
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const ProcessOptions& options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  // Waits until it ended by itself; DEADLINE_EXCEEDED leaves it running.
  absl::Status Wait(double timeout_s);
  // SIGINT, and SIGKILL after timeout_s. Returns the exit code, or 128 plus the signal that ended it.
  int Stop(double timeout_s);
  int exit_code() const { return exit_code_; }
  // What it wrote on stdout and stderr so far.
  std::string Output() const;

 private:
  ChildProcess(pid_t pid, int input, int output) : pid_(pid), input_(input), output_(output) {}
  pid_t pid_;
  int input_;
  int output_;  // a memfd: it holds any amount, and leaves no file behind
  bool running_ = true;
  int exit_code_ = -1;
};

// Runs a command to its end and returns its output. An exit code other than 0 is INTERNAL, with the command and its output.
absl::StatusOr<std::string> RunCommand(const ProcessOptions& options);

// The end of a program's output, for an error message.
std::string LastWords(const std::string& output);

// The path of a program on PATH (or of a file, if the name has a slash); NOT_FOUND.
absl::StatusOr<std::string> FindProgram(const std::string& name);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_PROCESS_H_
