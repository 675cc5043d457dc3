// SPDX-License-Identifier: Apache-2.0
// PushTimer: the one rule for packets that wait in a tx queue of net_af_xdp, be it for others to be sent with, be it for the kernel.
//
// Packets go to the kernel
//   - when somebody asks: Send does, an empty one too;
//   - when enough of them wait. How many that is, is up to who holds them: a ring, or a block to inject;
//   - when the oldest has waited for flush_us.
// What the kernel puts off waits in the same way: it is tried again after a pause, or with the next packets, and not at every poll before.
// So whoever uses a queue comes back to it until nothing is left (TxQueue::Poll), at polls without packets too.
#ifndef PMD_AF_XDP_PUSH_TIMER_H_
#define PMD_AF_XDP_PUSH_TIMER_H_

#include <atomic>
#include <cstdint>

#include "lcore/cycle_clock.h"

namespace pollux::pmd::af_xdp {

inline constexpr uint32_t kDefaultFlushUs = 20;
inline constexpr uint32_t kMaximumFlushUs = 1'000'000;

// The time part of it. Any thread; of several that set it at once, one wins.
class PushTimer {
 public:
  // Control path: measures the clock at the first call. 0: nothing waits for others, and what was put off is tried at every poll.
  void Configure(uint32_t flush_us) {
    cycles_per_us_ = lcore::CyclesPerSecond() / 1'000'000;
    flush_ = flush_us * cycles_per_us_;
    due_at_.store(0, std::memory_order_relaxed);
  }

  // The first packet begins to wait, or what waits was put off.
  void Start() { StartCycles(flush_); }
  // The same for longer, where a short pause would only cost.
  void StartPause(uint32_t us) { StartCycles(us * cycles_per_us_ > flush_ ? us * cycles_per_us_ : flush_); }
  bool Passed() const { return lcore::ReadCycles() >= due_at_.load(std::memory_order_relaxed); }
  bool holds() const { return flush_ > 0; }

 private:
  void StartCycles(uint64_t cycles) { due_at_.store(lcore::ReadCycles() + cycles, std::memory_order_relaxed); }

  uint64_t flush_ = 0;
  uint64_t cycles_per_us_ = 0;
  std::atomic<uint64_t> due_at_{0};
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_PUSH_TIMER_H_
