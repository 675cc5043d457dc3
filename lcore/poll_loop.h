// SPDX-License-Identifier: Apache-2.0
// The loop that an lcore lives in: poll until told to stop, and know how much of the time was of use.
#ifndef LCORE_POLL_LOOP_H_
#define LCORE_POLL_LOOP_H_

#include <atomic>
#include <cstdint>

#include "lcore/cache_line.h"
#include "lcore/counter.h"
#include "lcore/cycle_clock.h"

namespace pollux::lcore {

// What a poll loop counts; the lcore that runs the loop writes, anybody reads. On a cache line of its own, so that the readers'
// visits cost the lcore nothing but this line. busy_cycles + idle_cycles is the time since the loop began.
struct alignas(kCacheLineBytes) PollLoopStats {
  Counter iterations;
  Counter busy_iterations;  // those in which the callback had something to do
  Counter packets;          // the sum of what the callback returned
  Counter busy_cycles;
  Counter idle_cycles;
  Counter sleeps;        // of a loop with a governor
  Counter sleep_cycles;  // part of idle_cycles
};
static_assert(sizeof(PollLoopStats) == kCacheLineBytes);

// Calls poll() until `stop` is true, and at least once, so that a stop that came first still drains what is there. poll returns
// how many packets it moved, or true or false for "had work". Counts add up over several loops with the same stats.
//
// The clock is read once an iteration (and once before the first): an iteration lasts from the reading that ended the one before to
// its own. So the loop's own few instructions are charged to the iterations, and busy and idle cycles leave nothing out.
// `stop` is read relaxed: it ends the loop and hands over no data; Launcher::Wait does that.
//
// The governor is told of every iteration, and may sleep in those that had nothing to do: IdleGovernor (idle_governor.h).
template <auto kReadCycles = &ReadCycles, typename Poll, typename Governor>
void RunPollLoop(const std::atomic<bool>& stop, PollLoopStats& stats, Poll&& poll, Governor&& governor) {
  uint64_t before = kReadCycles();
  do {
    const uint64_t packet_count = static_cast<uint64_t>(poll());
    uint64_t now = kReadCycles();
    stats.iterations.Add(1);
    if (packet_count != 0) {
      stats.busy_iterations.Add(1);
      stats.packets.Add(packet_count);
      stats.busy_cycles.Add(now - before);
      governor.Busy();
    } else {
      stats.idle_cycles.Add(now - before);
      if (governor.Idle(now)) {
        const uint64_t awake = kReadCycles();
        stats.sleeps.Add(1);
        stats.sleep_cycles.Add(awake - now);
        stats.idle_cycles.Add(awake - now);
        now = awake;
      }
    }
    before = now;
  } while (!stop.load(std::memory_order_relaxed));
}

// The same, spinning all the time.
template <auto kReadCycles = &ReadCycles, typename Poll>
void RunPollLoop(const std::atomic<bool>& stop, PollLoopStats& stats, Poll&& poll) {
  struct NeverSleeps {
    void Busy() {}
    bool Idle(uint64_t) { return false; }
  };
  RunPollLoop<kReadCycles>(stop, stats, poll, NeverSleeps{});
}

}  // namespace pollux::lcore

#endif  // LCORE_POLL_LOOP_H_
