// SPDX-License-Identifier: Apache-2.0
// What `set verbose` prints: bursts as they come and go.
#ifndef TOOLS_TESTPMD_SESSION_VERBOSE_OBSERVER_H_
#define TOOLS_TESTPMD_SESSION_VERBOSE_OBSERVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tools/testpmd/engines/describe_packet.h"
#include "tools/testpmd/engines/stream.h"
#include "tools/testpmd/report/output.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {

// Called by all forwarding lcores.
class Session::VerboseObserver : public BurstObserver {
 public:
  explicit VerboseObserver(Output& output) : output_(output) {}

  // 1: received packets, 2: sent ones, 3: both.
  void SetLevel(uint32_t level) { level_.store(level, std::memory_order_relaxed); }

  void OnBurst(std::size_t port, std::size_t queue, bool received, std::span<const Packet> packets) override {
    if ((level_.load(std::memory_order_relaxed) & (received ? 1 : 2)) == 0) return;
    output_.Print(DescribeBurst(port, queue, received, packets));
  }

 private:
  Output& output_;
  std::atomic<uint32_t> level_{0};
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_VERBOSE_OBSERVER_H_
