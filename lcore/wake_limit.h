// SPDX-License-Identifier: Apache-2.0
// WakeLimit: no CPU of the machine sleeps so deeply that it takes longer than this to wake (PM QoS, /dev/cpu_dma_latency).
#ifndef LCORE_WAKE_LIMIT_H_
#define LCORE_WAKE_LIMIT_H_

#include <cstdint>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

namespace pollux::lcore {

// Holds as long as the object lives; the kernel takes it back with the descriptor, also after kill -9. It is a bound on the processor's
// part of a wake: what the scheduler adds comes on top. All CPUs take part, since the kernel has no such thing for one.
class WakeLimit {
 public:
  static constexpr uint32_t kMostUs = 1'000'000;

  // 0: the processor does not sleep at all, as with idle=poll. Errors: NOT_FOUND where the kernel has no PM QoS, PERMISSION_DENIED, ...
  static absl::StatusOr<std::unique_ptr<WakeLimit>> Hold(uint32_t microseconds, const std::string& path = "/dev/cpu_dma_latency");
  ~WakeLimit();

  WakeLimit(const WakeLimit&) = delete;
  WakeLimit& operator=(const WakeLimit&) = delete;

 private:
  explicit WakeLimit(int descriptor) : descriptor_(descriptor) {}

  const int descriptor_;
};

}  // namespace pollux::lcore

#endif  // LCORE_WAKE_LIMIT_H_
