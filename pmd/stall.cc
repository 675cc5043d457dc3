// SPDX-License-Identifier: Apache-2.0
#include "pmd/stall.h"

#include <absl/strings/str_cat.h>

namespace pollux::pmd {

const char* StallCauseName(StallCause cause) {
  constexpr const char* kNames[] = {"none",         "nobody-receives", "no-frames",    "wake-up-refused",
                                    "nobody-sends", "not-taken",       "not-completed"};
  return kNames[static_cast<int>(cause)];
}

std::string DescribeStall(const Stall& stall) {
  return absl::StrCat(stall.receives ? "rx" : "tx", " queue ", stall.queue, " has stood still for ", stall.milliseconds,
                      " ms: ", stall.text);
}

}  // namespace pollux::pmd
