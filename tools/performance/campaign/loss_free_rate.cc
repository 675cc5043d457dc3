// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/loss_free_rate.h"

#include "tools/performance/campaign/measurement.h"

namespace pollux::performance {
namespace {

constexpr double kPrecision = 0.03;

}  // namespace

absl::StatusOr<LossFreeRate> SearchLossFreeRate(const Contender& contender, const Work& work, const Conditions& conditions) {
  Testbed testbed(work, conditions);
  if (absl::Status status = testbed.Start(&contender); !status.ok()) return status;
  // What comes through at full rate is above the answer for a forwarder that loses work under overload, and near it for one that does not.
  testbed.Offer(0);
  Sleep(conditions.warm_up_s);
  auto begin = testbed.Look();
  if (!begin.ok()) return begin.status();
  Sleep(conditions.warm_up_s);
  auto end = testbed.Look();
  if (!end.ok()) return end.status();
  double high = 1.5 * Compare(testbed, work, *begin, *end).delivered_pps;
  LossFreeRate result;
  while (result.trials < conditions.trials && high - result.packets_per_second > kPrecision * high) {
    const double rate = (result.packets_per_second + high) / 2;
    auto before = testbed.Settle();
    if (!before.ok()) return before.status();
    testbed.Offer(rate);
    Sleep(conditions.trial_s);
    auto after = testbed.Settle();
    if (!after.ok()) return after.status();
    ++result.trials;
    const uint64_t offered = after->offered - before->offered;
    const bool on_time = static_cast<double>(offered) >= 0.98 * rate * conditions.trial_s;
    if (offered == testbed.Delivered(*after) - testbed.Delivered(*before) && on_time) {
      result.packets_per_second = rate;
    } else {
      high = rate;
    }
  }
  if (absl::Status status = testbed.End(); !status.ok()) return status;
  return result;
}

}  // namespace pollux::performance
