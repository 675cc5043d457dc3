// SPDX-License-Identifier: Apache-2.0
// How steady the machine itself is: pauses that every program on it has, the source among them.
#ifndef TOOLS_PERFORMANCE_RIG_MACHINE_PAUSES_H_
#define TOOLS_PERFORMANCE_RIG_MACHINE_PAUSES_H_

#include <string>

#include <absl/status/statusor.h>

#include "tools/performance/rig/histogram.h"

namespace pollux::performance {

// Spins on one CPU and reads the clock: the time from one reading to the next. What is long was taken by the hypervisor, an interrupt
// or another thread.
absl::StatusOr<Histogram> MeasureMachinePauses(int cpu, double seconds);

// "12 over 100 us in 1.0 s, longest 431 us".
std::string DescribePauses(const Histogram& gap_ns, double seconds);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_MACHINE_PAUSES_H_
