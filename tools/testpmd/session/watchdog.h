// SPDX-License-Identifier: Apache-2.0
// Watchdog: what stands still while it should move, lcores and queues, and how often a port was opened anew for it.
#ifndef TOOLS_TESTPMD_SESSION_WATCHDOG_H_
#define TOOLS_TESTPMD_SESSION_WATCHDOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lcore/loop_watch.h"
#include "tools/testpmd/forwarding/forwarder.h"

namespace pollux::testpmd {

// Belongs to the main lcore, which looks at every tick.
class Watchdog {
 public:
  static constexpr uint64_t kFirstPauseNs = 1'000'000'000;  // between two openings of a port; doubled each time
  static constexpr uint64_t kLongestPauseNs = 64'000'000'000;
  static constexpr uint64_t kRecoveredNs = 120'000'000'000;  // without one: it begins with the first pause again

  // Of the lcores that forward: a sentence for each that began to stand still, or goes on again.
  struct News {
    unsigned lcore = 0;
    bool stands = false;
    std::string text;  // "lcore 1 has made no poll for 600 ms: its thread is stopped (...)"
  };
  std::vector<News> LookAtLcores(const Forwarder& forwarder, uint64_t now_ns);
  const std::map<unsigned, lcore::LoopWatch::Stall>& lcores() const { return loops_.stalls(); }

  // Whether a port whose queue stands still may be opened anew now; notes that it is.
  bool MayReopen(std::size_t port, uint64_t now_ns);
  // Times, by port.
  const std::map<std::size_t, uint64_t>& reopened() const { return reopened_; }

  // Ports of which a stall was told, so that its end is.
  bool told(std::size_t port) const { return told_.count(port) != 0; }
  void Tell(std::size_t port, bool stands) { stands ? void(told_[port] = true) : void(told_.erase(port)); }

 private:
  struct Pause {
    uint64_t last_ns = 0;
    uint64_t pause_ns = 0;
  };
  lcore::LoopWatch loops_;
  std::map<std::size_t, Pause> pauses_;
  std::map<std::size_t, uint64_t> reopened_;
  std::map<std::size_t, bool> told_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_WATCHDOG_H_
