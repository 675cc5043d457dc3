// SPDX-License-Identifier: Apache-2.0
// IdleGovernor: when a poll loop without packets may sleep, and that it misses nothing by that.
//
//   packets --------> spin                   as long as a wake costs: what comes within that is had sooner by spinning, and what comes
//      ^               | none for that long  later costs at most twice what it would have (the rule of the ski rental)
//      |               v
//      |             prepare                 staged packets are sent, the driver is asked for a wake-up, what to wait for is collected
//      |               |
//      +---- some --- look once more         what came before the driver was asked
//      |               | none
//      |               v
//      +---- wake -- sleep                   ppoll(2): what came in between makes it return at once, since it asks the queues again
//
// A sleep ends after kLongestSleepNs, so a loop sees `stop`, and frames that others gave back, within that time.
#ifndef LCORE_IDLE_GOVERNOR_H_
#define LCORE_IDLE_GOVERNOR_H_

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "lcore/wake_histogram.h"

namespace pollux::lcore {

enum class IdleMode {
  kSpin,      // never sleeps
  kAdaptive,  // spins as long as a wake costs, as measured on this core
  kSleep,     // sleeps at the first poll without packets
};

// INVALID_ARGUMENT: "'x': spin, adaptive or sleep is expected".
absl::StatusOr<IdleMode> ParseIdleMode(absl::string_view name);

// The kernel's part; a test plays it.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  // Until one of the descriptors can be read, which is true of one that could be before the call, or the time is over: false.
  virtual bool Sleep(std::span<const int> descriptors, uint64_t nanoseconds);
  virtual uint64_t Nanoseconds();
  static Sleeper& Kernel();
};

// One a poll loop; belongs to its thread.
class IdleGovernor {
 public:
  static constexpr uint64_t kLongestSleepNs = 20'000'000;
  static constexpr uint64_t kShortestSpinNs = 5'000;
  static constexpr uint64_t kFirstSpinNs = 50'000;
  static constexpr uint64_t kLongestSpinNs = 200'000;

  // Adds what to wait for; called after a poll that moved nothing. False: there is something that only polling sees to (a queue without
  // a descriptor, packets under way), so the loop spins on.
  using Prepare = std::function<bool(std::vector<int>& descriptors)>;

  IdleGovernor(IdleMode mode, Prepare prepare, Sleeper& sleeper = Sleeper::Kernel());

  // When the first packet came since Prepare, in nanoseconds of CLOCK_MONOTONIC; 0: none came, or nobody knows. Asked once a sleep.
  using FirstArrival = std::function<uint64_t()>;
  // From now on each sleep that packets ended is counted, by the time from the first packet until the thread was awake. `wakes` outlives
  // the governor.
  void MeasureWakes(FirstArrival first_arrival, WakeHistogram& wakes) {
    first_arrival_ = std::move(first_arrival);
    wakes_ = &wakes;
  }

  // After a poll that moved packets.
  void Busy() {
    idle_since_ = 0;
    prepared_ = false;
    if (wake_ns_ != 0) [[unlikely]]
      CountWake();
  }
  // After one that moved none, at cycle `now`. True: the thread has slept.
  bool Idle(uint64_t now) {
    if (mode_ == IdleMode::kSpin) return false;
    wake_ns_ = 0;
    if (idle_since_ == 0) idle_since_ = now;
    if (now - idle_since_ < spin_cycles_) return false;
    return PrepareOrSleep(now);
  }

  // What a wake takes on this core, by now; how long it spins.
  uint64_t spin_ns() const { return spin_ns_; }

 private:
  bool PrepareOrSleep(uint64_t now);
  void Learn(uint64_t wake_ns);
  uint64_t TimeToWake(bool woken, uint64_t now_ns) const;
  void CountWake();

  static constexpr uint64_t kUnmeasured = ~uint64_t{0};

  const IdleMode mode_;
  const Prepare prepare_;
  Sleeper& sleeper_;
  std::vector<int> descriptors_;
  uint64_t idle_since_ = 0;  // cycle of the first poll without packets; 0: the last had some
  bool prepared_ = false;    // and no packet was found since
  uint64_t wake_ns_ = 0;     // of the sleep before this poll, to be counted if the poll finds packets; 0: it was not one, or no packet came
  uint64_t spin_ns_ = kFirstSpinNs;
  uint64_t spin_cycles_ = 0;
  FirstArrival first_arrival_;
  WakeHistogram* wakes_ = nullptr;
};

}  // namespace pollux::lcore

#endif  // LCORE_IDLE_GOVERNOR_H_
