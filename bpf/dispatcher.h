// SPDX-License-Identifier: Apache-2.0
// Attachment through libxdp's dispatcher, which runs several programs of one interface in a chain.
#ifndef BPF_DISPATCHER_H_
#define BPF_DISPATCHER_H_

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "bpf/xdp_program.h"

namespace pollux::bpf {

// Every process adds a program of its own; what that leaves to the kernel (XDP_PASS) goes on to the next one in the chain. The
// dispatcher is pinned in /sys/fs/bpf: a process that is killed leaves its program in the chain (harmless, as its sockets are gone,
// until xdp-loader removes it).
// Errors beside those of XdpProgram::Attach: UNIMPLEMENTED where the kernel cannot replace functions (BPF_PROG_TYPE_EXT), which the
// dispatcher is made of.
absl::StatusOr<std::unique_ptr<XdpProgram>> AttachThroughDispatcher(const std::string& interface, int ifindex,
                                                                    const ProgramOptions& options);

}  // namespace pollux::bpf

#endif  // BPF_DISPATCHER_H_
