// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/holder_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <type_traits>

namespace pollux::bpf {

static_assert(std::is_trivially_copyable_v<HolderReport> && sizeof(HolderReport) <= 4096, "one atomic write to a pipe");

namespace {

void Fill(const absl::Status& status, HolderReport* report) {
  report->code = static_cast<int32_t>(status.code());
  std::snprintf(report->message, sizeof(report->message), "%s", std::string(status.message()).c_str());
}

[[noreturn]] void RunChild(const std::string& interface, const ProgramOptions& options, const std::vector<uint32_t>& queues, int report_fd,
                           int leave_fd) {
  {
    HolderReport report;
    std::vector<std::unique_ptr<UnboundSocket>> sockets;
    absl::StatusOr<std::unique_ptr<XdpProgram>> program = XdpProgram::Attach(interface, options);
    Fill(program.status(), &report);
    if (program.ok()) {
      report.program_id = (*program)->program_id();
      report.native = (*program)->native();
      report.joined = (*program)->joined();
      for (uint32_t queue : queues) {
        sockets.push_back(std::make_unique<UnboundSocket>());
        absl::Status added = (*program)->AddSocket(queue, sockets.back()->fd());
        if (!added.ok()) Fill(added, &report);
      }
    }
    if (write(report_fd, &report, sizeof(report)) != sizeof(report)) _exit(1);
    char byte;
    (void)!read(leave_fd, &byte, 1);
  }
  _exit(0);
}

}  // namespace

HolderProcess::HolderProcess(const std::string& interface, const ProgramOptions& options, std::vector<uint32_t> queues,
                             const std::function<void()>& before) {
  int report[2];
  int leave[2];
  if (pipe2(report, O_CLOEXEC) != 0 || pipe2(leave, O_CLOEXEC) != 0) return;
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(report[0]);
    close(leave[1]);
    if (before) before();
    RunChild(interface, options, queues, report[1], leave[0]);
  }
  close(report[1]);
  close(leave[0]);
  report_fd_ = report[0];
  leave_fd_ = leave[1];
}

HolderProcess::~HolderProcess() {
  Kill();
  close(report_fd_);
  close(leave_fd_);
}

const HolderReport& HolderProcess::Report() {
  HolderReport report;
  if (!reported_ && read(report_fd_, &report, sizeof(report)) == sizeof(report)) report_ = report;
  reported_ = true;
  return report_;
}

void HolderProcess::Kill() {
  if (pid_ > 0) kill(pid_, SIGKILL);
  Wait();
}

void HolderProcess::Leave() {
  (void)!write(leave_fd_, "", 1);
  Wait();
}

void HolderProcess::Wait() {
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace pollux::bpf
