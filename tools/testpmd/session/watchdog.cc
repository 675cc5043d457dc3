// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/watchdog.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {

std::vector<Watchdog::News> Watchdog::LookAtLcores(const Forwarder& forwarder, uint64_t now_ns) {
  std::vector<lcore::LoopWatch::Loop> loops;
  if (forwarder.running()) {
    for (const auto& use : forwarder.lcores()) {
      loops.push_back({.lcore = use->lcore, .thread = use->thread.load(std::memory_order_relaxed), .stats = &use->stats});
    }
  }
  std::vector<News> news;
  for (unsigned lcore : loops_.Look(loops, now_ns)) {
    const auto stall = loops_.stalls().find(lcore);
    const bool stands = stall != loops_.stalls().end();
    news.push_back(
        {.lcore = lcore,
         .stands = stands,
         .text = stands ? absl::StrCat("lcore ", lcore, " has made no poll for ", stall->second.milliseconds, " ms: ", stall->second.cause)
                        : absl::StrCat("lcore ", lcore, " polls again")});
  }
  return news;
}

bool Watchdog::MayReopen(std::size_t port, uint64_t now_ns) {
  Pause& pause = pauses_[port];
  if (pause.pause_ns != 0 && now_ns - pause.last_ns < pause.pause_ns) return false;
  const bool recovered = pause.pause_ns != 0 && now_ns - pause.last_ns > kRecoveredNs;
  pause.pause_ns = pause.pause_ns == 0 || recovered ? kFirstPauseNs : std::min(2 * pause.pause_ns, kLongestPauseNs);
  pause.last_ns = now_ns;
  ++reopened_[port];
  return true;
}

}  // namespace pollux::testpmd
