// SPDX-License-Identifier: Apache-2.0
// Instructions a packet costs in user space, counted by callgrind: the same on every run and on a busy machine.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_INSTRUCTIONS_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_INSTRUCTIONS_H_

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>

#include "tools/performance/campaign/testbed.h"
#include "tools/performance/contenders/contender.h"

namespace pollux::performance {

struct InstructionCount {
  uint64_t packets = 0;       // that came through while it was counted
  uint64_t instructions = 0;  // of all the program's threads
  bool overloaded = false;    // more was offered than came through; otherwise polls that found nothing are counted in
  std::string profile;        // what callgrind dumped, for callgrind_annotate
};

// Runs the contender under valgrind with all that the source can offer, so that its bursts are full, and counts from one moment until
// at least `packets` came through. NOT_FOUND without valgrind.
absl::StatusOr<InstructionCount> CountInstructions(const Contender& contender, const Work& work, const Conditions& conditions,
                                                   uint64_t packets);

// The total of a file that callgrind dumped.
absl::StatusOr<uint64_t> CallgrindTotal(const std::string& text);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_INSTRUCTIONS_H_
