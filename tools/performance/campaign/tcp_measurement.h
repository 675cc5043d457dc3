// SPDX-License-Identifier: Apache-2.0
// WorkKind::kTcp: what two pods exchange through a contender.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_TCP_MEASUREMENT_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_TCP_MEASUREMENT_H_

#include <absl/status/statusor.h>

#include "tools/performance/campaign/measurement.h"

namespace pollux::performance {

// Of the measurement there are seconds, bits_per_second, retransmissions, pod_settings and the times of the forwarder's CPU. Times are
// whole seconds: parts are taken for a whole one.
absl::StatusOr<Measurement> MeasureTcp(const Contender& contender, const Work& work, const Conditions& conditions);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_TCP_MEASUREMENT_H_
