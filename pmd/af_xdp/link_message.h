// SPDX-License-Identifier: Apache-2.0
// Interfaces made, set up and removed by rtnetlink, and what they leave to a device, by ethtool.
#ifndef PMD_AF_XDP_LINK_MESSAGE_H_
#define PMD_AF_XDP_LINK_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include <absl/status/status.h>

namespace pollux::pmd::af_xdp {

struct VethPair {
  std::string name;
  std::string peer_name;
  int peer_network = -1;  // descriptor of the namespace that the peer is made in
  std::size_t mtu = 1500;
  uint32_t queues = 1;
};

// All in the network namespace of the calling thread; errors name the call.
absl::Status MakeVethPair(const VethPair& pair);
// Up, without addresses of its own: it sends nothing by itself.
absl::Status SetUpWithoutAddresses(const std::string& name);
absl::Status RemoveLink(int ifindex);
// Offloads by the names of ethtool -k that the kernel has for them ("tx-vlan-hw-insert"); one that the kernel does not know is left out.
absl::Status SetOffloads(const std::string& name, std::initializer_list<std::pair<const char*, bool>> offloads);
// False where it is off, or not told.
bool HasOffload(const std::string& name, const char* offload);

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_LINK_MESSAGE_H_
