// SPDX-License-Identifier: Apache-2.0
// TcProgram: our program at TC ingress of an interface, where packets are sk_buffs still: segments that are joined, checksums and
// segmentation that were left to a device.
#ifndef BPF_TC_PROGRAM_H_
#define BPF_TC_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/flow_program.h"
#include "bpf/unique_fd.h"

namespace pollux::bpf {

// OK if this kernel can attach there so that the attachment ends with the process: a tcx link, Linux 6.6. A filter of an older kernel's
// clsact would outlive a process that is killed, and send packets where nobody is. UNIMPLEMENTED; PERMISSION_DENIED.
absl::Status ProbeTcLinks();

// Holds the attachment, a bpf_link. Single-threaded.
class TcProgram {
 public:
  // What comes in by interface `ifindex` leaves by interface `target`; both of the network namespace that the thread is in. ALREADY_EXISTS:
  // a program of this kind is there, of this process or another. UNIMPLEMENTED, PERMISSION_DENIED as above.
  static absl::StatusOr<std::unique_ptr<TcProgram>> Attach(const std::string& interface, int ifindex, int target);
  TcProgram(const TcProgram&) = delete;
  TcProgram& operator=(const TcProgram&) = delete;

  // What comes in is looked up in a flow table first, or no more (hook.maps null); as XdpProgram::UseFlows.
  absl::Status UseFlows(const FlowHook& hook);

  uint32_t program_id() const { return program_id_; }

 private:
  TcProgram(std::string interface, int target, UniqueFd program, UniqueFd link, uint32_t program_id)
      : interface_(std::move(interface)), target_(target), program_(std::move(program)), link_(std::move(link)), program_id_(program_id) {}

  const std::string interface_;
  const int target_;
  const UniqueFd program_;  // without flows
  const UniqueFd link_;
  uint32_t program_id_;
};

}  // namespace pollux::bpf

#endif  // BPF_TC_PROGRAM_H_
