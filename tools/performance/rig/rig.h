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

namespace pollux::performance {

// The work of one measurement.
enum class WorkKind {
  kIo,        // as it came
  kMacswap,   // with the MAC addresses swapped
  kRxonly,    // received and freed
  kTxonly,    // made and sent
  kPushVlan,  // with a VLAN tag pushed
  kTwoPorts,  // out of both ports
};
const char* WorkKindName(WorkKind kind);

inline constexpr char kSourceInterface[] = "plxsource";
inline constexpr char kInInterface[] = "plxin";
inline constexpr char kOutInterface[] = "plxout";
inline constexpr char kSinkInterface[] = "plxsink";

// Gone with the object, or with the process.
struct Rig {
  // Every port has so many rx and tx queues.
  static absl::StatusOr<std::unique_ptr<Rig>> Create(uint32_t queue_count);
  std::unique_ptr<support::NetworkNamespace> source;
  std::unique_ptr<support::NetworkNamespace> forwarder;
  std::unique_ptr<support::NetworkNamespace> sink;
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_RIG_H_
