// SPDX-License-Identifier: Apache-2.0
// Sink: counts what arrives at an interface, in one of two ways that make a great difference to who sends.
#ifndef TOOLS_PERFORMANCE_RIG_SINK_H_
#define TOOLS_PERFORMANCE_RIG_SINK_H_

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/performance/rig/histogram.h"
#include "tools/support/network_namespace.h"

namespace pollux::performance {

enum class Receiver {
  kXdp,    // an XDP program counts and drops; frames need never become sk_buffs
  kStack,  // no program: the kernel builds sk_buffs, tries to aggregate them (GRO), and IP drops them as another host's
};
const char* ReceiverName(Receiver receiver);

struct SinkOptions {
  std::string interface;
  Receiver receiver = Receiver::kXdp;
  bool inspect = false;  // kXdp only: order and latency, at a cost on the CPU that transmits
};

struct SinkSnapshot {
  uint64_t time_ns = 0;            // when `packets` was read, by CLOCK_MONOTONIC
  uint64_t packets = 0;            // kXdp: as the program counted; kStack: as the interface did
  uint64_t interface_packets = 0;  // the interface's own count, to compare with
  uint64_t foreign = 0;
  uint64_t reordered = 0;
  Histogram latency_ns;  // of frames with a time stamp
};

class Sink {
 public:
  static absl::StatusOr<std::unique_ptr<Sink>> Create(const support::NetworkNamespace& network, const SinkOptions& options);
  virtual ~Sink() = default;
  virtual absl::StatusOr<SinkSnapshot> Read() const = 0;
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_SINK_H_
