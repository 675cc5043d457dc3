// SPDX-License-Identifier: Apache-2.0
// VethRig: clients joined to a switch, each in a namespace of its own; testpmd runs in the switch.
//
//   client 0 [c0] ---- [p0]         [p1] ---- [c1] client 1
//                          \  switch  /
//   client 2 [c2] ---- [p2]         [p3] ---- [c3] client 3
//
// Every client knows the others as neighbours on one link: 10.77.0.<i+1>/24 and fd77::<i+1>/64. Without a forwarder between
// the ports nothing gets through. The clients are as a veth is by default: they leave checksums to it.
#ifndef TESTS_SUPPORT_VETH_RIG_H_
#define TESTS_SUPPORT_VETH_RIG_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/support/network_namespace.h"

namespace pollux::support {

struct VethRigOptions {
  std::size_t ports = 2;
  std::size_t queues = 1;  // of both ends of every pair
  std::size_t mtu = 1500;
  bool ipv6 = true;
  bool segments = true;            // clients hand over TCP in pieces larger than the MTU (TSO), where the kernel lets them
  bool static_neighbours = false;  // no ARP and no neighbour discovery: every frame is one that the test sent
};

struct InterfaceCounters {
  uint64_t rx_packets = 0;
  uint64_t rx_dropped = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_dropped = 0;
};

class VethRig {
 public:
  static absl::StatusOr<std::unique_ptr<VethRig>> Create(const VethRigOptions& options = {});

  const VethRigOptions& options() const { return options_; }
  const NetworkNamespace& switch_namespace() const { return *switch_; }
  const NetworkNamespace& client(std::size_t port) const { return *clients_[port]; }

  static std::string PortInterface(std::size_t port);    // "p0", in the switch
  static std::string ClientInterface(std::size_t port);  // "c0", in client 0
  static std::string PortMac(std::size_t port);
  static std::string ClientMac(std::size_t port);
  static std::string ClientIpv4(std::size_t port);
  static std::string ClientIpv6(std::size_t port);

  absl::Status SetPortUp(std::size_t port, bool up);
  absl::Status DeletePort(std::size_t port);  // both ends go
  absl::Status MakePort(std::size_t port);    // again, after DeletePort
  absl::StatusOr<InterfaceCounters> ClientCounters(std::size_t port) const;
  absl::StatusOr<InterfaceCounters> PortCounters(std::size_t port) const;

  // What a forwarder could leave behind: the links' settings, attached programs, pins, processes. Equal text, equal state.
  absl::StatusOr<std::string> SwitchState() const;

 private:
  VethRig() = default;
  absl::Status AddPort(std::size_t port);
  absl::Status ConfigureClient(std::size_t port);

  VethRigOptions options_;
  std::unique_ptr<NetworkNamespace> switch_;
  std::vector<std::unique_ptr<NetworkNamespace>> clients_;
};

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_VETH_RIG_H_
