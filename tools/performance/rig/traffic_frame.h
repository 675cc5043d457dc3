// SPDX-License-Identifier: Apache-2.0
// The frame that every frame of a source begins as: traffic_format.h's headers, the fields of flow, number and time empty.
#ifndef TOOLS_PERFORMANCE_RIG_TRAFFIC_FRAME_H_
#define TOOLS_PERFORMANCE_RIG_TRAFFIC_FRAME_H_

#include <cstdint>
#include <vector>

namespace pollux::performance {

inline constexpr uint32_t kSourceNetwork = 0xc6120000;  // 198.18.0.0, RFC 2544's; the flow's number is its lower half

struct TrafficFrame {
  std::vector<uint8_t> bytes;
  uint32_t ip_checksum_base = 0;  // the sum of IPv4's header without address and checksum, not folded
};
TrafficFrame MakeTrafficFrame(uint32_t frame_bytes);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_TRAFFIC_FRAME_H_
