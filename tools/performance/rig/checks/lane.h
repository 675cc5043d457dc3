// SPDX-License-Identifier: Apache-2.0
// Lane: a port that sends bursts through one engine, and who receives at the other end of its veth.
#ifndef TOOLS_PERFORMANCE_RIG_CHECKS_LANE_H_
#define TOOLS_PERFORMANCE_RIG_CHECKS_LANE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "mempool/pool.h"
#include "pmd/device.h"
#include "tools/performance/rig/sink.h"
#include "tools/support/network_namespace.h"

namespace pollux::performance {

// Where the packets are: in a map that the injecting program reads as its own, in ordinary memory, or in huge pages.
enum class LaneMemory { kVisible, kOrdinary, kHuge };

struct LaneOptions {
  const char* engine = "auto";  // tx=
  Receiver receiver = Receiver::kXdp;
  LaneMemory memory = LaneMemory::kVisible;
  std::size_t frame_bytes = 64;
};

// Single thread.
class Lane {
 public:
  static absl::StatusOr<std::unique_ptr<Lane>> Open(const LaneOptions& options);

  // Allocates, sends and reclaims bursts of `depth` packets for so long, and returns how many were taken.
  uint64_t Send(std::size_t depth, double milliseconds);
  // Nanoseconds of this for each packet that was taken; 0 if none was.
  double NanosecondsAPacket(std::size_t depth, double milliseconds);
  uint64_t Injected() const;
  pmd::Device& device() { return *device_; }

 private:
  explicit Lane(const LaneOptions& options) : options_(options) {}
  absl::Status OpenPort();
  void Fill(mempool::Packet& packet) const;

  const LaneOptions options_;
  std::unique_ptr<support::NetworkNamespace> near_, far_;
  std::unique_ptr<Sink> sink_;
  std::shared_ptr<mempool::Pool> pool_;
  std::unique_ptr<pmd::Device> device_;
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_CHECKS_LANE_H_
