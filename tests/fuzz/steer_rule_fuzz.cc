// SPDX-License-Identifier: Apache-2.0
// Steering rules: what is accepted is what the XDP program can read.
#include <absl/strings/match.h>

#include "bpf/steer_rule.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  pollux::fuzz::Input input(data, size);
  const std::string text = input.Text();
  const auto rule = pollux::bpf::ParseSteerRule(text);
  if (!rule.ok()) {
    FUZZ_REQUIRE(rule.status().code() == absl::StatusCode::kInvalidArgument && absl::StrContains(rule.status().message(), text));
    return 0;
  }
  FUZZ_REQUIRE(rule->rule.condition_count >= 1 && rule->rule.condition_count <= STEER_MAXIMUM_CONDITIONS && rule->rule.negated <= 1);
  for (uint32_t i = 0; i < rule->rule.condition_count; ++i) {
    const steer_condition& condition = rule->rule.conditions[i];
    FUZZ_REQUIRE(condition.kind >= STEER_ETHER_TYPE && condition.kind <= STEER_FRAGMENT);
    FUZZ_REQUIRE(condition.direction <= (STEER_SOURCE | STEER_DESTINATION));
  }
  return 0;
}
