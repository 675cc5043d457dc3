// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "lcore/errno_status.h"

namespace pollux::performance {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(2);

// In the child, before exec: only calls that are safe after fork. Failing to remount /sys is no reason to stop: the program says
// itself what it misses.
void EnterNamespace(int network_namespace) {
  if (setns(network_namespace, CLONE_NEWNET) != 0) _exit(126);
  if (unshare(CLONE_NEWNS) != 0) _exit(126);
  mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr);
  mount("sysfs", "/sys", "sysfs", 0, nullptr);
  mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr);
}

[[noreturn]] void ExecuteChild(const ProcessOptions& options, char** arguments, int input, int output, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  // A group of its own, so that the terminal's Ctrl-C reaches us alone and we end our children in order.
  setpgid(0, 0);
  if (options.network_namespace >= 0) EnterNamespace(options.network_namespace);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execvp(arguments[0], arguments);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const ProcessOptions& options) {
  int input[2];
  if (pipe2(input, O_CLOEXEC) != 0) return lcore::ErrnoStatus(errno, "pipe2");
  // O_APPEND: stdout and stderr share the file, and Output() reads it with an offset of its own.
  const int output = memfd_create("output", MFD_CLOEXEC);
  if (output < 0) return lcore::ErrnoStatus(errno, "memfd_create");
  fcntl(output, F_SETFL, O_APPEND);
  std::vector<char*> arguments;
  for (const std::string& word : options.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return lcore::ErrnoStatus(errno, absl::StrCat("fork for ", options.command[0]));
  if (pid == 0) ExecuteChild(options, arguments.data(), input[0], output, parent);
  close(input[0]);
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, input[1], output));
}

ChildProcess::~ChildProcess() {
  if (running_) Stop(/*timeout_s=*/0);
  close(input_);
  close(output_);
}

bool ChildProcess::Running() {
  if (!running_) return false;
  int status;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  running_ = false;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

absl::Status ChildProcess::Wait(double timeout_s) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_s);
  while (Running()) {
    if (std::chrono::steady_clock::now() > deadline) return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " still runs"));
    std::this_thread::sleep_for(kPollInterval);
  }
  return absl::OkStatus();
}

int ChildProcess::Stop(double timeout_s) {
  if (!Running()) return exit_code_;
  if (timeout_s > 0) {
    kill(pid_, SIGINT);
    if (Wait(timeout_s).ok()) return exit_code_;
  }
  kill(pid_, SIGKILL);
  int status;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) continue;
  running_ = false;
  exit_code_ = 128 + SIGKILL;
  return exit_code_;
}

std::string ChildProcess::Output() const {
  std::string text;
  char block[4096];
  ssize_t bytes;
  while ((bytes = pread(output_, block, sizeof block, static_cast<off_t>(text.size()))) > 0) text.append(block, bytes);
  return text;
}

absl::StatusOr<std::string> RunCommand(const ProcessOptions& options) {
  auto child = ChildProcess::Start(options);
  if (!child.ok()) return child.status();
  constexpr double kTimeout_s = 60;
  const absl::Status waited = (*child)->Wait(kTimeout_s);
  const std::string output = (*child)->Output();
  if (waited.ok() && (*child)->exit_code() == 0) return output;
  return absl::InternalError(absl::StrCat(absl::StrJoin(options.command, " "), ": ",
                                          waited.ok() ? absl::StrCat("exit code ", (*child)->exit_code()) : waited.ToString(), "; ",
                                          output));
}

std::string LastWords(const std::string& output) {
  constexpr int kLines = 6;
  size_t begin = output.find_last_not_of("\n\r ");
  for (int line = 0; line < kLines && begin != std::string::npos && begin > 0; ++line) begin = output.rfind('\n', begin - 1);
  return begin == std::string::npos || begin == 0 ? output : output.substr(begin + 1);
}

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return lcore::ErrnoStatus(errno, name);
  }
  // sbin as well: a root shell made by su has it not.
  std::stringstream folders(absl::StrCat(std::getenv("PATH") ? std::getenv("PATH") : "", ":/usr/sbin:/sbin:/usr/bin"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return absl::NotFoundError(absl::StrCat(name, " is not installed"));
}

}  // namespace pollux::performance
