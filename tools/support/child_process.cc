// SPDX-License-Identifier: Apache-2.0
#include "tools/support/child_process.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "lcore/errno_status.h"
#include "tools/support/patience.h"

namespace pollux::support {
namespace {

using lcore::ErrnoStatus;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPollInterval{5};

// Everything the child needs between fork and exec, where only system calls are allowed.
struct ChildPlan {
  std::vector<char*> arguments;
  int namespace_fd = -1;
  std::string bpf_file_system;
  int input_fd = -1;
  int output_fd = -1;
  int errors_fd = -1;
  int failure_fd = -1;
  bool own_group = false;
  pid_t parent = 0;
};

// A /sys that shows the namespace's devices, with the namespace's bpf file system in its place, or one for this child alone.
bool EnterNetwork(const ChildPlan& plan) {
  if (plan.namespace_fd < 0) return true;
  return setns(plan.namespace_fd, CLONE_NEWNET) == 0 && unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0 && mount("sysfs", "/sys", "sysfs", 0, nullptr) == 0 &&
         (plan.bpf_file_system.empty() ? mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr)
                                       : mount(plan.bpf_file_system.c_str(), "/sys/fs/bpf", nullptr, MS_BIND, nullptr)) == 0;
}

[[noreturn]] void RunChild(const ChildPlan& plan) {
  const bool ready = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == plan.parent && dup2(plan.input_fd, STDIN_FILENO) >= 0 &&
                     dup2(plan.output_fd, STDOUT_FILENO) >= 0 && dup2(plan.errors_fd, STDERR_FILENO) >= 0 && EnterNetwork(plan);
  if (ready) {
    if (plan.own_group) setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    execvp(plan.arguments[0], plan.arguments.data());
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(plan.failure_fd, &error, sizeof(error));
  _exit(127);
}

// Appending, so that several writers do not overwrite each other.
int CaptureFile() {
  const int fd = memfd_create("output", MFD_CLOEXEC);
  if (fd >= 0) fcntl(fd, F_SETFL, O_APPEND);
  return fd;
}

std::string Contents(int fd) {
  std::string text;
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0) return text;
  text.resize(static_cast<std::size_t>(status.st_size));
  const ssize_t length = pread(fd, text.data(), text.size(), 0);
  text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return text;
}

// Bazel's tests get a PATH without the folders where ip, ethtool and bpftool may be.
void CompletePath() {
  static const bool kOnce = [] {
    const char* path = std::getenv("PATH");
    return setenv("PATH", absl::StrCat(path ? path : "/usr/bin:/bin", ":/usr/local/sbin:/usr/sbin:/sbin").c_str(), 1) == 0;
  }();
  static_cast<void>(kOnce);
}

int ExitCode(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const Arguments& arguments, const NetworkNamespace* network,
                                                                  const ChildOptions& options) {
  CompletePath();
  std::unique_ptr<ChildProcess> child(new ChildProcess);
  child->arguments_ = arguments;
  child->output_fd_ = CaptureFile();
  child->joined_ = options.joined_output;
  child->errors_fd_ = options.joined_output ? fcntl(child->output_fd_, F_DUPFD_CLOEXEC, 0) : CaptureFile();
  int input[2] = {-1, -1};
  int failure[2] = {-1, -1};
  if (child->output_fd_ < 0 || child->errors_fd_ < 0) return ErrnoStatus(errno, "memfd_create(output)");
  if (pipe2(input, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe2()");
  child->input_fd_ = input[1];
  if (pipe2(failure, O_CLOEXEC) != 0) {
    close(input[0]);
    return ErrnoStatus(errno, "pipe2()");
  }

  ChildPlan plan{{},
                 network ? network->fd() : -1,
                 network ? network->bpf_file_system() : "",
                 input[0],
                 child->output_fd_,
                 child->errors_fd_,
                 failure[1],
                 options.own_group,
                 getpid()};
  for (const std::string& argument : arguments) plan.arguments.push_back(const_cast<char*>(argument.c_str()));
  plan.arguments.push_back(nullptr);

  child->pid_ = fork();
  if (child->pid_ == 0) RunChild(plan);
  const int fork_error = errno;
  close(input[0]);
  close(failure[1]);
  if (child->pid_ < 0) {
    close(failure[0]);
    return ErrnoStatus(fork_error, "fork()");
  }
  child->pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, child->pid_, 0));

  int error = 0;
  const ssize_t length = read(failure[0], &error, sizeof(error));  // ends when exec closes the other end
  close(failure[0]);
  if (length > 0) return ErrnoStatus(error, absl::StrCat("start of '", absl::StrJoin(arguments, " "), "'"));
  return child;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !exit_code_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {pid_fd_, input_fd_, output_fd_, errors_fd_}) {
    if (fd >= 0) close(fd);
  }
}

bool ChildProcess::running() {
  return !Wait(std::chrono::milliseconds(0)).ok();
}

std::string ChildProcess::Output() const {
  return Contents(output_fd_);
}
std::string ChildProcess::Errors() const {
  return joined_ ? "" : Contents(errors_fd_);
}

absl::Status ChildProcess::Write(const std::string& text) {
  if (write(input_fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, absl::StrCat("write to standard input of ", arguments_[0]));
  }
  return absl::OkStatus();
}

void ChildProcess::CloseInput() {
  close(input_fd_);
  input_fd_ = -1;
}

absl::Status ChildProcess::Signal(int signal) {
  if (exit_code_ || kill(pid_, signal) != 0)
    return absl::FailedPreconditionError(absl::StrCat(arguments_[0], " has ended\n", Transcript()));
  return absl::OkStatus();
}

int ChildProcess::Stop(std::chrono::milliseconds patience) {
  if (exit_code_) return *exit_code_;
  kill(pid_, SIGINT);
  if (auto code = Wait(patience); code.ok()) return *code;
  kill(pid_, SIGKILL);
  while (!exit_code_) Wait().IgnoreError();
  return *exit_code_;
}

absl::StatusOr<int> ChildProcess::Wait(std::chrono::milliseconds deadline) {
  if (exit_code_) return *exit_code_;
  pollfd ended{pid_fd_, POLLIN, 0};
  deadline = Patience(deadline);
  const Clock::time_point end = Clock::now() + deadline;
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    ready = poll(&ended, 1, static_cast<int>(std::max<int64_t>(left, 0)));
  } while (ready < 0 && errno == EINTR);
  int status = 0;
  if (ready == 1 && waitpid(pid_, &status, 0) == pid_) {
    exit_code_ = ExitCode(status);
    return *exit_code_;
  }
  return absl::DeadlineExceededError(absl::StrCat("still running after ", deadline.count(), " ms\n", Transcript()));
}

absl::Status ChildProcess::WaitForText(const std::string& text, std::chrono::milliseconds deadline) {
  const Clock::time_point end = Clock::now() + Patience(deadline);
  while (true) {
    const bool last = !running() || Clock::now() >= end;  // what it wrote before it ended is complete
    if (Output().find(text) != std::string::npos || Errors().find(text) != std::string::npos) return absl::OkStatus();
    if (last) return absl::DeadlineExceededError(absl::StrCat("'", text, "' was not written\n", Transcript()));
    std::this_thread::sleep_for(kPollInterval);
  }
}

std::string ChildProcess::Transcript() const {
  return absl::StrCat("$ ", absl::StrJoin(arguments_, " "), "\n", Output(), "\n[standard error]\n", Errors(), "\n[",
                      exit_code_ ? absl::StrCat("exit code ", *exit_code_) : "no exit code yet", "]\n");
}

std::string LastWords(const std::string& output) {
  constexpr int kLines = 6;
  std::size_t begin = output.find_last_not_of("\n\r ");
  for (int line = 0; line < kLines && begin != std::string::npos && begin > 0; ++line) begin = output.rfind('\n', begin - 1);
  return begin == std::string::npos || begin == 0 ? output : output.substr(begin + 1);
}

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), X_OK) == 0) return name;
    return ErrnoStatus(errno, name);
  }
  CompletePath();
  std::stringstream folders(std::getenv("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return absl::NotFoundError(absl::StrCat(name, " is not installed"));
}

absl::StatusOr<CommandResult> RunCommand(const Arguments& arguments, const NetworkNamespace* network, std::chrono::milliseconds deadline) {
  auto child = ChildProcess::Start(arguments, network);
  if (!child.ok()) return child.status();
  (*child)->CloseInput();
  const auto exit_code = (*child)->Wait(deadline);
  if (!exit_code.ok()) return exit_code.status();
  return CommandResult{*exit_code, (*child)->Output(), (*child)->Errors()};
}

absl::StatusOr<std::string> RunSuccessfully(const Arguments& arguments, const NetworkNamespace* network,
                                            std::chrono::milliseconds deadline) {
  const auto result = RunCommand(arguments, network, deadline);
  if (!result.ok()) return result.status();
  if (result->exit_code == 0) return result->output;
  return absl::InternalError(
      absl::StrCat("'", absl::StrJoin(arguments, " "), "' ended with ", result->exit_code, ": ", result->output, result->errors));
}

}  // namespace pollux::support
