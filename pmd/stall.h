// SPDX-License-Identifier: Apache-2.0
// Stall: a queue that stands still while it should move.
#ifndef PMD_STALL_H_
#define PMD_STALL_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace pollux::pmd {

enum class StallCause {
  kNone,
  kNobodyReceives,  // packets wait in the rx ring, and no thread calls Receive
  kNoFrames,        // the kernel has no frame to receive into, and the pool gives none
  kWakeUpRefused,   // the driver waits for a wake-up of the fill ring, and the kernel refuses it
  kNobodySends,     // packets wait in the tx ring for a call that no thread makes
  kNotTaken,        // the kernel was asked to send, and takes nothing
  kNotCompleted,    // it took packets, and gives no frame back
};
// "nobody-receives", ...
const char* StallCauseName(StallCause cause);

// Whether opening the queue anew may help: what keeps it is the kernel's or the driver's state, not the application's.
inline bool ReopeningMayHelp(StallCause cause) {
  return cause == StallCause::kWakeUpRefused || cause == StallCause::kNotTaken || cause == StallCause::kNotCompleted;
}

struct Stall {
  bool receives = true;  // else it sends
  std::size_t queue = 0;
  StallCause cause = StallCause::kNone;
  std::string text;  // for a person, with the figures
  uint64_t milliseconds = 0;
};

// "tx queue 3 has stood still for 612 ms: the driver took 64 packets and completes none of them".
std::string DescribeStall(const Stall& stall);

}  // namespace pollux::pmd

#endif  // PMD_STALL_H_
