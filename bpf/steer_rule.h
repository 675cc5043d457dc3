// SPDX-License-Identifier: Apache-2.0
// SteerRule: which packets are ours, in words that tcpdump users know.
#ifndef BPF_STEER_RULE_H_
#define BPF_STEER_RULE_H_

#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "bpf/xdp_shared.h"

namespace pollux::bpf {

// One condition, as the BPF program reads it (xdp_shared.h), and the text it was made from.
struct SteerRule {
  std::string text;
  struct steer_condition condition;
};

// Grammar and meaning: docs/steering.md.
absl::StatusOr<SteerRule> ParseSteerRule(absl::string_view text);

}  // namespace pollux::bpf

#endif  // BPF_STEER_RULE_H_
