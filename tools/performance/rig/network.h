// SPDX-License-Identifier: Apache-2.0
// The machine's network as a rig needs it: namespaces without a name, veth pairs between them, their counters.
#ifndef TOOLS_PERFORMANCE_RIG_NETWORK_H_
#define TOOLS_PERFORMANCE_RIG_NETWORK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::performance {

// A network namespace that has no name: it and all its devices are gone with the last process that holds it, SIGKILL or not.
class NetworkNamespace {
 public:
  // PERMISSION_DENIED without CAP_SYS_ADMIN. IPv6 is off in it, so that the kernel sends nothing of its own.
  static absl::StatusOr<std::unique_ptr<NetworkNamespace>> Create();
  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  int descriptor() const { return descriptor_; }
  // A path by which `ip` finds it.
  std::string path() const;
  // Runs `action` with the calling thread in this namespace.
  absl::Status Call(const std::function<absl::Status()>& action) const;
  // Moves the calling thread for good.
  absl::Status Enter() const;

 private:
  explicit NetworkNamespace(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// Runs the lines as one `ip -batch`.
absl::Status RunIp(const NetworkNamespace& network, const std::string& lines);

// Makes a veth pair, both ends up, with so many rx and tx queues each, no ARP, and generic receive offload on at both ends: only such a
// veth polls, and takes frames that are no sk_buffs.
absl::Status AddVethPair(const NetworkNamespace& left_network, const std::string& left, const NetworkNamespace& right_network,
                         const std::string& right, uint32_t queue_count = 1);

absl::StatusOr<uint32_t> InterfaceIndex(const NetworkNamespace& network, const std::string& interface);

struct LinkCounters {
  uint64_t rx_packets = 0, rx_bytes = 0, rx_errors = 0, rx_dropped = 0;
  uint64_t tx_packets = 0, tx_bytes = 0, tx_errors = 0, tx_dropped = 0;
};
absl::StatusOr<LinkCounters> ReadLinkCounters(const NetworkNamespace& network, const std::string& interface);

// The driver's own counters of its rx queues (ethtool -S), by queue under the name without it: rx_queue_1_xdp_redirect is
// "xdp_redirect"[1].
using QueueCounters = std::map<std::string, std::vector<uint64_t>>;
absl::StatusOr<QueueCounters> ReadQueueCounters(const NetworkNamespace& network, const std::string& interface);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_NETWORK_H_
