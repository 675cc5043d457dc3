// SPDX-License-Identifier: Apache-2.0
// HolderProcess: a forked process that attaches, tells how that went, and holds on until it is told to leave, or killed.
#ifndef TESTS_BPF_HOLDER_PROCESS_H_
#define TESTS_BPF_HOLDER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bpf/xdp_program.h"
#include "tests/bpf/unbound_socket.h"

namespace pollux::bpf {

struct HolderReport {
  int32_t code = -1;  // absl::StatusCode of Attach, or of the first AddSocket that failed
  uint32_t program_id = 0;
  bool native = false;
  bool joined = false;
  char message[480] = {};
};

// The caller must be in the interface's namespace and have no other threads.
class HolderProcess {
 public:
  // Runs `before` in the child first, for example to give up a capability.
  HolderProcess(const std::string& interface, const ProgramOptions& options, std::vector<uint32_t> queues = {},
                const std::function<void()>& before = nullptr);
  // Kills the child.
  ~HolderProcess();
  HolderProcess(const HolderProcess&) = delete;
  HolderProcess& operator=(const HolderProcess&) = delete;

  // Waits for the report; its code is -1 if the child died before.
  const HolderReport& Report();
  // SIGKILL, or an orderly end; returns when the process is gone.
  void Kill();
  void Leave();

 private:
  void Wait();

  pid_t pid_ = -1;
  int report_fd_ = -1;
  int leave_fd_ = -1;
  bool reported_ = false;
  HolderReport report_;
};

}  // namespace pollux::bpf

#endif  // TESTS_BPF_HOLDER_PROCESS_H_
