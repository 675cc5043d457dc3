// SPDX-License-Identifier: Apache-2.0
// SteerRule: which packets are ours, in words that tcpdump users know. Grammar and meaning: docs/steering.md.
#ifndef BPF_STEER_RULE_H_
#define BPF_STEER_RULE_H_

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "bpf/xdp_shared.h"

namespace pollux::bpf {

// One rule, as the BPF program reads it (xdp_shared.h), and the text it was made from.
struct SteerRule {
  std::string text;
  struct steer_rule rule;
};

// Errors: INVALID_ARGUMENT with the whole text, the word that does not fit, and what could stand there.
absl::StatusOr<SteerRule> ParseSteerRule(absl::string_view text);

// The options of the steering program for these rules; INVALID_ARGUMENT if they are too many.
absl::StatusOr<struct steer_options> MakeSteerOptions(const std::vector<SteerRule>& rules);

}  // namespace pollux::bpf

#endif  // BPF_STEER_RULE_H_
