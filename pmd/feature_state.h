// SPDX-License-Identifier: Apache-2.0
// What was asked of the kernel and the machine, and what was got.
#ifndef PMD_FEATURE_STATE_H_
#define PMD_FEATURE_STATE_H_

#include <string>
#include <vector>

#include <absl/status/status.h>

namespace pollux::pmd {

// The names that --require knows; a device may report others as well.
inline constexpr const char* kFeatureZeroCopy = "zerocopy";
inline constexpr const char* kFeatureNative = "native";
inline constexpr const char* kFeatureBusyPoll = "busy_poll";
inline constexpr const char* kFeatureNeedWakeup = "need_wakeup";
inline constexpr const char* kFeatureHugepages = "hugepages";
inline constexpr const char* kFeatureNuma = "numa";
inline constexpr const char* kFeatureInject = "inject";
inline constexpr const char* kFeatureRxMetadata = "rx_metadata";
inline constexpr const char* kFeatureTxChecksum = "tx_checksum";  // these three where they were asked for: tx_metadata=
inline constexpr const char* kFeatureTxTimestamp = "tx_timestamp";
inline constexpr const char* kFeatureTxLaunchTime = "tx_launch_time";
// Others.
inline constexpr const char* kFeatureRxChecksum = "rx_checksum";
inline constexpr const char* kFeatureRxVlan = "rx_vlan";
inline constexpr const char* kFeatureScattered = "scattered";
inline constexpr const char* kFeatureWakeLatency = "wake_latency";  // where it cannot be measured
inline constexpr const char* kFeatureBroker = "broker";
inline constexpr const char* kFeatureWholeCapture = "whole_capture";

struct FeatureState {
  static constexpr int kWholeDevice = -1;

  std::string feature;  // one of the names above
  int queue = kWholeDevice;
  std::string asked;     // "auto", "zero-copy", "budget 64"
  std::string got;       // "copy"
  bool present = false;  // the feature is in effect
  std::string reason;    // empty, or why it is not, and what would cure it
};

// OK if every state of each required feature is present, and there is one at least. Else FAILED_PRECONDITION: the feature, the queue,
// what was asked, what was got and why. An unknown name is INVALID_ARGUMENT, with the known ones.
absl::Status CheckRequired(const std::vector<FeatureState>& states, const std::vector<std::string>& required);

}  // namespace pollux::pmd

#endif  // PMD_FEATURE_STATE_H_
