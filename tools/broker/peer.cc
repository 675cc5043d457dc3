// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/peer.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::broker {
namespace {

// linux/socket.h has it since 6.5; Debian 12's headers do not.
constexpr int kPeerPidfdOption = 77;

// The path in the unified hierarchy ("0::/..."), else the first.
std::string ControlGroupOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/cgroup"));
  std::string line, first;
  while (std::getline(file, line)) {
    const std::size_t path = line.find(":/");
    if (path == std::string::npos) continue;
    if (line.rfind("0:", 0) == 0) return line.substr(path + 1);
    if (first.empty()) first = line.substr(path + 1);
  }
  return first;
}

}  // namespace

absl::StatusOr<Peer> PeerOf(int connection) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return lcore::ErrnoStatus(errno, "getsockopt(SO_PEERCRED)");
  }
  Peer peer{.pid = credentials.pid, .user = credentials.uid, .groups = {credentials.gid}, .cgroup = ControlGroupOf(credentials.pid)};
  length = 0;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, nullptr, &length) != 0 && errno == ERANGE) {
    std::vector<gid_t> groups(length / sizeof(gid_t));
    if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
      groups.resize(length / sizeof(gid_t));
      peer.groups.insert(peer.groups.end(), groups.begin(), groups.end());
    }
  }
  return peer;
}

bpf::UniqueFd ProcessOf(int connection) {
  int descriptor = -1;
  socklen_t length = sizeof(descriptor);
  if (getsockopt(connection, SOL_SOCKET, kPeerPidfdOption, &descriptor, &length) == 0) return bpf::UniqueFd(descriptor);
  ucred credentials{};
  length = sizeof(credentials);
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return {};
  return bpf::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, credentials.pid, 0)));
}

}  // namespace pollux::broker
