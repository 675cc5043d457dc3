// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a UNIX socket: unix(7), SO_PEERCRED, SO_PEERGROUPS, SO_PEERPIDFD.
#ifndef TOOLS_BROKER_PEER_H_
#define TOOLS_BROKER_PEER_H_

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "tools/broker/configuration.h"

namespace pollux::broker {

// As it was when it connected; its control group as it is now, and empty if it is gone.
absl::StatusOr<Peer> PeerOf(int connection);

// Stands for the peer's process, and becomes readable when that ends; empty where the kernel (before 6.5, or without pidfd_open) or
// the process is not there.
bpf::UniqueFd ProcessOf(int connection);

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_PEER_H_
