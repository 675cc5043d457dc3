// SPDX-License-Identifier: Apache-2.0
// Rig: three network namespaces in a row, and the two ports of a forwarder in the middle one.
//
//     source            forwarder             sink
//   plxsource ======= plxin   plxout ======= plxsink
//              veth                  veth
#ifndef TOOLS_PERFORMANCE_RIG_RIG_H_
#define TOOLS_PERFORMANCE_RIG_RIG_H_

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "tools/support/network_namespace.h"
#include "tools/support/veth_pair.h"

namespace pollux::performance {

// The work of one measurement.
enum class WorkKind {
  kIo,        // as it came
  kMacswap,   // with the MAC addresses swapped
  kRxonly,    // received and freed
  kTxonly,    // made and sent
  kPushVlan,  // with a VLAN tag pushed
  kTwoPorts,  // out of both ports
  kTcp,       // as it came, both ways, between two pods: namespaces with addresses and a veth's default settings
};
const char* WorkKindName(WorkKind kind);
// False where the forwarder makes the packets, or pods do.
bool HasSource(WorkKind kind);

inline constexpr char kSourceInterface[] = "plxsource";
inline constexpr char kInInterface[] = "plxin";
inline constexpr char kOutInterface[] = "plxout";
inline constexpr char kSinkInterface[] = "plxsink";

// Gone with the object, or with the process.
struct Rig {
  // Every port has so many rx and tx queues. Its ends are measured, without ARP and with GRO, so that they poll...
  static absl::StatusOr<std::unique_ptr<Rig>> Create(uint32_t queue_count);
  // ... or as a container platform makes them.
  static absl::StatusOr<std::unique_ptr<Rig>> CreatePods();
  std::unique_ptr<support::NetworkNamespace> source;
  std::unique_ptr<support::NetworkNamespace> forwarder;
  std::unique_ptr<support::NetworkNamespace> sink;

 private:
  static absl::StatusOr<std::unique_ptr<Rig>> Create(const support::VethOptions& options);
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_RIG_H_
