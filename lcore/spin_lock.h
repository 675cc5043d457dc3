// SPDX-License-Identifier: Apache-2.0
// SpinLock: for a few hundred instructions that several pollers share.
#ifndef LCORE_SPIN_LOCK_H_
#define LCORE_SPIN_LOCK_H_

#include <sched.h>

#include <atomic>

#include "lcore/cycle_clock.h"

namespace pollux::lcore {

// Any thread. The holder makes no system call, and so is gone again in less than a microsecond, unless the kernel took its core away: a
// waiter that has looked often enough gives up its own. For std::lock_guard.
class SpinLock {
 public:
  void lock() {
    while (locked_.exchange(true, std::memory_order_acquire)) {
      for (int looks = 0; locked_.load(std::memory_order_relaxed);) {
        CpuRelax();
        if (++looks < kLooksBeforeYield) continue;
        sched_yield();
        looks = 0;
      }
    }
  }
  void unlock() { locked_.store(false, std::memory_order_release); }

 private:
  static constexpr int kLooksBeforeYield = 1000;

  std::atomic<bool> locked_{false};
};

}  // namespace pollux::lcore

#endif  // LCORE_SPIN_LOCK_H_
