// SPDX-License-Identifier: Apache-2.0
// The highest rate that a contender carries without losing a frame.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_LOSS_FREE_RATE_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_LOSS_FREE_RATE_H_

#include <absl/status/statusor.h>

#include "tools/performance/campaign/testbed.h"
#include "tools/performance/contenders/contender.h"

namespace pollux::performance {

struct LossFreeRate {
  double packets_per_second = 0;
  int trials = 0;
};

// Bisects (RFC 2544) to 3 percent, in at most conditions.trials of conditions.trial_s. In a trial nothing may be lost between the in port
// and the sink, and the source must have kept its schedule.
absl::StatusOr<LossFreeRate> SearchLossFreeRate(const Contender& contender, const Work& work, const Conditions& conditions);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_LOSS_FREE_RATE_H_
