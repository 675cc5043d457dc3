// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/loss_free_rate.h"

#include "tools/performance/measurement.h"

namespace pollux::performance {
namespace {

constexpr double kPrecision = 0.03;

}  // namespace

absl::StatusOr<LossFreeRate> SearchLossFreeRate(const Contender& contender, const Work& work, const Conditions& conditions) {
  Session session(work, conditions);
  if (absl::Status status = session.Start(&contender); !status.ok()) return status;
  // What comes through at full rate is above the answer for a forwarder that loses work under overload, and near it for one that does not.
  session.Offer(0);
  Sleep(conditions.warm_up_s);
  auto begin = session.Look();
  if (!begin.ok()) return begin.status();
  Sleep(conditions.warm_up_s);
  auto end = session.Look();
  if (!end.ok()) return end.status();
  double high = 1.5 * Compare(session, work, *begin, *end).delivered_pps;
  LossFreeRate result;
  while (result.trials < conditions.trials && high - result.packets_per_second > kPrecision * high) {
    const double rate = (result.packets_per_second + high) / 2;
    auto before = session.Settle();
    if (!before.ok()) return before.status();
    session.Offer(rate);
    Sleep(conditions.trial_s);
    auto after = session.Settle();
    if (!after.ok()) return after.status();
    ++result.trials;
    const uint64_t offered = after->offered - before->offered;
    const bool on_time = static_cast<double>(offered) >= 0.98 * rate * conditions.trial_s;
    if (offered == session.Delivered(*after) - session.Delivered(*before) && on_time) {
      result.packets_per_second = rate;
    } else {
      high = rate;
    }
  }
  if (absl::Status status = session.End(); !status.ok()) return status;
  return result;
}

}  // namespace pollux::performance
