// SPDX-License-Identifier: Apache-2.0
// TcpPods: two pods that exchange TCP by iperf3, at the ends of a rig (Rig::CreatePods).
#ifndef TOOLS_PERFORMANCE_RIG_TCP_PODS_H_
#define TOOLS_PERFORMANCE_RIG_TCP_PODS_H_

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/performance/rig/rig.h"

namespace pollux::performance {

struct TcpOptions {
  uint32_t streams = 1;
  int warm_up_s = 1;  // iperf3 knows whole seconds
  int seconds = 3;
  int sender_cpu = 0;
  int receiver_cpu = 0;
};

struct TcpResult {
  double seconds = 0;
  double bits_per_second = 0;  // that the receiving program got, headers not counted
  uint64_t retransmissions = 0;
};

// Gives both pods their addresses, and what `settings` says behind `ethtool -K INTERFACE` ("tx off"; empty: nothing).
absl::Status ConfigurePods(const Rig& rig, const std::string& settings);

// True if the sender's pod has an answer of the other one.
bool PodsReachEachOther(const Rig& rig);

// iperf3 of the sender.
std::vector<std::string> SenderCommand(const TcpOptions& options);

// Streams from the source's pod to the sink's. Whoever forwards works already.
absl::StatusOr<TcpResult> ExchangeTcp(const Rig& rig, const TcpOptions& options);

// What `iperf3 --json` of a sender says.
absl::StatusOr<TcpResult> ParseIperf(const std::string& json);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_TCP_PODS_H_
