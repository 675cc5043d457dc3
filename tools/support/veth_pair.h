// SPDX-License-Identifier: Apache-2.0
// AddVethPair: two joined interfaces, each in a namespace.
#ifndef TOOLS_SUPPORT_VETH_PAIR_H_
#define TOOLS_SUPPORT_VETH_PAIR_H_

#include <cstddef>
#include <string>

#include <absl/status/status.h>

#include "tools/support/network_namespace.h"

namespace pollux::support {

struct VethEnd {
  const NetworkNamespace& network;
  std::string name;
  std::string mac = {};  // empty: the kernel's choice
  bool up = true;
};

// Of both ends.
struct VethOptions {
  std::size_t queues = 1;  // rx and tx
  std::size_t mtu = 1500;
  bool arp = true;
  bool gro = false;  // generic receive offload: only such a veth polls, and takes frames that are no sk_buffs
};

absl::Status AddVethPair(const VethEnd& left, const VethEnd& right, const VethOptions& options = {});

}  // namespace pollux::support

#endif  // TOOLS_SUPPORT_VETH_PAIR_H_
