// SPDX-License-Identifier: Apache-2.0
// Messages with file descriptors over a UNIX socket that keeps their borders (SOCK_SEQPACKET): unix(7), cmsg(3).
#ifndef PMD_AF_XDP_DESCRIPTOR_MESSAGE_H_
#define PMD_AF_XDP_DESCRIPTOR_MESSAGE_H_

#include <cstddef>
#include <span>
#include <vector>

#include "bpf/unique_fd.h"

namespace pollux::pmd::af_xdp {

inline constexpr std::size_t kMostDescriptorsOfAMessage = 8;

// What one recvmsg gave. A message that was cut, or had more descriptors than there may be, is `broken`: its descriptors are closed.
struct ReceivedMessage {
  int error = 0;          // errno; else 0
  std::size_t bytes = 0;  // 0 and no error: the other end is gone
  bool broken = false;
  std::vector<bpf::UniqueFd> descriptors;
};

// Both wait as the socket and `flags` (MSG_DONTWAIT) say, and go on after EINTR. Single-threaded a socket.
ReceivedMessage ReceiveMessage(int socket, std::span<std::byte> buffer, int flags);
// Returns 0 or the errno. SIGPIPE is not raised.
int SendMessage(int socket, std::span<const std::byte> message, std::span<const int> descriptors, int flags);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_DESCRIPTOR_MESSAGE_H_
