// SPDX-License-Identifier: Apache-2.0
// Who may have what of which interface. The file's format: docs/broker.md.
#ifndef TOOLS_BROKER_CONFIGURATION_H_
#define TOOLS_BROKER_CONFIGURATION_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

namespace pollux::broker {

// The process at the other end of a connection, as the kernel knows it (SO_PEERCRED, SO_PEERGROUPS, /proc/PID/cgroup).
struct Peer {
  pid_t pid = 0;
  uid_t user = 0;
  std::vector<gid_t> groups;
  std::string cgroup;
};

// What a client may do with one interface. `grants`: bits of broker::Grants (pmd/af_xdp/broker_protocol.h).
struct Grant {
  std::string interface;
  uint32_t first_queue = 0;
  uint32_t queues = 1;
  uint32_t grants = 0;
  std::size_t most_memory = std::size_t{64} << 20;
};

// A folder with the socket and the pinned map of the device plugin's protocol, for DPDK (use_cni, use_pinned_map) and CNDP.
struct PluginFolder {
  std::string interface;
  std::string folder;
  uid_t user = 0;
  std::string pin;                                       // where the map is pinned, below a BPF file system; empty: nowhere
  std::chrono::seconds idle = std::chrono::seconds(30);  // as the device plugin: a client that says nothing for so long ends
};

class Configuration {
 public:
  // INVALID_ARGUMENT names the place in the text and what is allowed there.
  static absl::StatusOr<Configuration> Parse(const std::string& text);
  static absl::StatusOr<Configuration> Read(const std::string& path);

  const std::string& socket() const { return socket_; }
  const std::vector<PluginFolder>& plugin_folders() const { return plugin_folders_; }
  // How long a connection may be there without having opened a port.
  std::chrono::seconds handshake() const { return handshake_; }
  // How long one whose port receives nothing yet may say nothing.
  std::chrono::seconds idle() const { return idle_; }
  // Empty: this peer may not have the interface. The first entry that fits decides.
  std::optional<Grant> Find(const Peer& peer, absl::string_view interface) const;
  // The peer is named by some entry.
  bool Knows(const Peer& peer) const;
  // Every interface that is named.
  std::vector<std::string> Interfaces() const;

 private:
  // An empty list is one that nobody has to be in; one list at least is not empty.
  struct Entry {
    std::vector<uid_t> users;
    std::vector<gid_t> groups;
    std::vector<std::string> cgroups;  // this one, or below it
    std::vector<Grant> ports;

    bool Fits(const Peer& peer) const;
  };

  std::string socket_;
  std::chrono::seconds handshake_ = std::chrono::seconds(10);
  std::chrono::seconds idle_ = std::chrono::seconds(300);
  std::vector<Entry> entries_;
  std::vector<PluginFolder> plugin_folders_;
};

}  // namespace pollux::broker

#endif  // TOOLS_BROKER_CONFIGURATION_H_
