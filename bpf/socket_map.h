// SPDX-License-Identifier: Apache-2.0
// SocketMap: our sockets in an XSKMAP that other processes may use too.
#ifndef BPF_SOCKET_MAP_H_
#define BPF_SOCKET_MAP_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <absl/status/status.h>

#include "bpf/unique_fd.h"

namespace pollux::bpf {

// The kernel takes a socket out of the map when it is closed; what this class adds is never to touch a socket of somebody else.
// Single-threaded.
class SocketMap {
 public:
  SocketMap(std::string interface, UniqueFd map, uint32_t entries)
      : interface_(std::move(interface)), map_(std::move(map)), entries_(entries) {}
  SocketMap(const SocketMap&) = delete;
  SocketMap& operator=(const SocketMap&) = delete;
  // Removes what is still ours.
  ~SocketMap();

  // As XdpProgram::AddSocket and RemoveSocket. The socket needs its receive ring already.
  absl::Status Add(uint32_t queue, int socket);
  absl::Status Remove(uint32_t queue);
  // Takes over a socket that is in the map already.
  absl::Status Resume(uint32_t queue, int socket);
  int descriptor() const { return map_.get(); }

 private:
  struct Socket {
    int fd;           // the caller's
    uint64_t cookie;  // tells whether `fd` is still that socket
  };

  std::string Call(const char* name, uint32_t queue) const;

  std::string interface_;
  UniqueFd map_;
  uint32_t entries_;
  std::map<uint32_t, Socket> sockets_;
};

}  // namespace pollux::bpf

#endif  // BPF_SOCKET_MAP_H_
