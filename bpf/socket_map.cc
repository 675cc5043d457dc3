// SPDX-License-Identifier: Apache-2.0
#include "bpf/socket_map.h"

#include <bpf/bpf.h>
#include <linux/capability.h>
#include <sys/socket.h>

#include <cerrno>

#include <absl/strings/str_cat.h>

#include "bpf/privilege.h"
#include "lcore/errno_status.h"

namespace pollux::bpf {
namespace {

bool Cookie(int socket, uint64_t* cookie) {
  socklen_t length = sizeof(*cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, cookie, &length) == 0;
}

}  // namespace

SocketMap::~SocketMap() {
  while (!sockets_.empty()) {
    uint32_t queue = sockets_.begin()->first;
    // Whatever the kernel answers, there is nobody left to tell; closing the socket removes it too.
    (void)Remove(queue);
    sockets_.erase(queue);
  }
}

std::string SocketMap::Call(const char* name, uint32_t queue) const {
  return absl::StrCat(name, "(xsks_map, ", interface_, ", queue ", queue, ")");
}

absl::Status SocketMap::Add(uint32_t queue, int socket) {
  if (queue >= entries_) {
    return absl::OutOfRangeError(absl::StrCat(interface_, ", queue ", queue, ": the program's xsks_map has ", entries_, " entries"));
  }
  uint64_t cookie = 0;
  if (!Cookie(socket, &cookie))
    return lcore::ErrnoStatus(errno, absl::StrCat("getsockopt(SO_COOKIE, ", interface_, ", queue ", queue, ")"));
  if (bpf_map_update_elem(map_.get(), &queue, &socket, BPF_NOEXIST) == 0) {
    sockets_[queue] = {socket, cookie};
    return absl::OkStatus();
  }
  if (errno == EEXIST) {
    return lcore::ErrnoStatus(errno, Call("bpf_map_update_elem", queue),
                              "another AF_XDP socket receives from this queue; take another queue");
  }
  const char* hint = errno == EOPNOTSUPP ? "not an AF_XDP socket with a receive ring" : "";
  return CallStatus(errno, Call("bpf_map_update_elem", queue), {CAP_BPF}, hint);
}

absl::Status SocketMap::Resume(uint32_t queue, int socket) {
  uint64_t cookie = 0;
  if (!Cookie(socket, &cookie))
    return lcore::ErrnoStatus(errno, absl::StrCat("getsockopt(SO_COOKIE, ", interface_, ", queue ", queue, ")"));
  sockets_[queue] = {socket, cookie};
  return absl::OkStatus();
}

absl::Status SocketMap::Remove(uint32_t queue) {
  auto found = sockets_.find(queue);
  if (found == sockets_.end()) return absl::NotFoundError(absl::StrCat(interface_, ", queue ", queue, ": no socket of ours"));
  Socket socket = found->second;
  sockets_.erase(found);
  uint64_t cookie = 0;
  // Closed: the kernel removed it, and the entry may be somebody else's by now.
  if (!Cookie(socket.fd, &cookie) || cookie != socket.cookie) return absl::OkStatus();
  // An XSKMAP cannot be read. To add our socket where nothing but it may be succeeds exactly if the entry is ours or free.
  if (bpf_map_update_elem(map_.get(), &queue, &socket.fd, BPF_NOEXIST) != 0) {
    if (errno == EEXIST) return absl::OkStatus();
    return CallStatus(errno, Call("bpf_map_update_elem", queue), {CAP_BPF});
  }
  if (bpf_map_delete_elem(map_.get(), &queue) != 0) return CallStatus(errno, Call("bpf_map_delete_elem", queue), {CAP_BPF});
  return absl::OkStatus();
}

}  // namespace pollux::bpf
