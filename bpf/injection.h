// SPDX-License-Identifier: Apache-2.0
// Injection: sending frames of a region through a port without sk_buffs. How it works: docs/inject.md.
#ifndef BPF_INJECTION_H_
#define BPF_INJECTION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <absl/status/statusor.h>

#include "bpf/inject_shared.h"
#include "bpf/unique_fd.h"

namespace pollux::bpf {

class ProgramObject;

// The blocks of a port, and the system call that emits one. Needs CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON (to see what became of the
// frames), and a program that stays attached natively, or each call waits for RCU.
class Injection {
 public:
  // From a loaded object that was opened with an InjectionSource. Frames leave through `interface_index`.
  static absl::StatusOr<std::unique_ptr<Injection>> Create(const ProgramObject& object, int interface_index);
  virtual ~Injection();

  // Data path; one thread a block. Emits the first `count` descriptors of block `number`, none of them longer than `longest`, which
  // is at most INJECT_LONGEST_FRAME. When it returns, block(number) tells what became of each. Returns 0, or the errno with which
  // the run ended early (EINTR: a signal): then the descriptors from `emitted` on were not looked at.
  virtual int Emit(unsigned number, uint32_t count, uint32_t longest);
  inject_block& block(unsigned number) { return blocks_[number]; }

 protected:
  explicit Injection(std::span<inject_block> blocks) : blocks_(blocks) {}

 private:
  Injection(UniqueFd program, std::span<inject_block> blocks) : program_(std::move(program)), blocks_(blocks) {}

  UniqueFd program_;
  std::span<inject_block> blocks_;
  std::array<UniqueFd, 2> watches_;  // the tracing programs' attachments
};

}  // namespace pollux::bpf

#endif  // BPF_INJECTION_H_
