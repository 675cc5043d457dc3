// SPDX-License-Identifier: Apache-2.0
#include "pmd/feature_state.h"

#include <algorithm>
#include <array>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

namespace pollux::pmd {
namespace {

constexpr std::array kKnownFeatures = {kFeatureZeroCopy,   kFeatureNative,      kFeatureBusyPoll,    kFeatureNeedWakeup,
                                       kFeatureHugepages,  kFeatureNuma,        kFeatureInject,      kFeatureRxMetadata,
                                       kFeatureTxChecksum, kFeatureTxTimestamp, kFeatureTxLaunchTime};

absl::Status Shortfall(const FeatureState& state) {
  std::string where = state.queue == FeatureState::kWholeDevice ? "" : absl::StrCat(" on queue ", state.queue);
  return absl::FailedPreconditionError(absl::StrCat("required feature ", state.feature, " is missing", where, ": asked ", state.asked,
                                                    ", got ", state.got, state.reason.empty() ? "" : "; ", state.reason));
}

}  // namespace

absl::Status CheckRequired(const std::vector<FeatureState>& states, const std::vector<std::string>& required) {
  for (const std::string& name : required) {
    if (std::find(kKnownFeatures.begin(), kKnownFeatures.end(), name) == kKnownFeatures.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("require: unknown feature '", name, "'; known are ", absl::StrJoin(kKnownFeatures, ", ")));
    }
    bool reported = false;
    for (const FeatureState& state : states) {
      if (state.feature != name) continue;
      reported = true;
      if (!state.present) return Shortfall(state);
    }
    if (!reported) {
      return absl::FailedPreconditionError(
          absl::StrCat("required feature ", name, " is missing: this driver does not have it, or was not asked for it"));
    }
  }
  return absl::OkStatus();
}

}  // namespace pollux::pmd
