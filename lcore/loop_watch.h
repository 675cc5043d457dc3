// SPDX-License-Identifier: Apache-2.0
// LoopWatch: notices a poll loop that stands still, and says why.
//
// A loop that runs counts its iterations, also while it has no packets, and no sleep of it is longer than IdleGovernor::kLongestSleepNs.
// So one whose count stands for kPatienceNs is kept by something, and the kernel tells by what. Nothing is asked of the loop's thread,
// which writes what it writes anyway.
#ifndef LCORE_LOOP_WATCH_H_
#define LCORE_LOOP_WATCH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lcore/poll_loop.h"

namespace pollux::lcore {

// What the kernel says of a thread of this process (proc(5), task/TID/stat).
struct ThreadState {
  char state = '?';        // R, S, D, T (stopped), t (traced)
  uint64_t cpu_ticks = 0;  // that it has run
  int cpu = 0;             // on which it ran last
};
std::optional<ThreadState> ReadThreadState(int thread);

// Belongs to a control thread, which looks a few times a second.
class LoopWatch {
 public:
  static constexpr uint64_t kPatienceNs = 500'000'000;
  // Of the time between two looks no more counts: a machine that stood still keeps nobody from polling.
  static constexpr uint64_t kLongestStepNs = 250'000'000;

  struct Loop {
    unsigned lcore = 0;
    int thread = 0;  // gettid(2); 0: not known yet
    const PollLoopStats* stats = nullptr;
  };
  struct Stall {
    unsigned lcore = 0;
    std::string cause;  // "its thread is stopped (a debugger, or a frozen group)"
    uint64_t milliseconds = 0;
  };

  using AskThread = std::function<std::optional<ThreadState>(int thread)>;
  explicit LoopWatch(AskThread ask = &ReadThreadState) : ask_(std::move(ask)) {}

  // The loops that should run now; those left out are forgotten. Returns the lcores that began to stand still, or go on again.
  std::vector<unsigned> Look(std::span<const Loop> loops, uint64_t now_ns);
  // By lcore: those that stand still, as of the last look.
  const std::map<unsigned, Stall>& stalls() const { return stalls_; }

 private:
  struct Seen {
    const PollLoopStats* stats = nullptr;
    uint64_t iterations = 0;
    uint64_t standing_ns = 0;
    std::optional<ThreadState> thread;  // when it stood still first
  };
  static std::string Cause(const Seen& seen, const std::optional<ThreadState>& now);

  const AskThread ask_;
  std::map<unsigned, Seen> seen_;
  std::map<unsigned, Stall> stalls_;
  uint64_t last_ns_ = 0;
};

}  // namespace pollux::lcore

#endif  // LCORE_LOOP_WATCH_H_
