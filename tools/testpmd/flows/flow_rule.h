// SPDX-License-Identifier: Apache-2.0
// FlowRule: what stands behind `flow create PORT`, as a flow.
#ifndef TOOLS_TESTPMD_FLOWS_FLOW_RULE_H_
#define TOOLS_TESTPMD_FLOWS_FLOW_RULE_H_

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "pmd/flow.h"
#include "tools/testpmd/flows/rule_words.h"

namespace pollux::testpmd {

struct FlowRule {
  pmd::Flow flow;
  bool transfer = false;
  bool counts = false;
  std::optional<uint32_t> output;
  std::optional<uint32_t> queue;
  std::string text;  // "ETH IPV4 => COUNT PORT_ID"
};

// "[group N] [priority N] [ingress] [transfer] pattern ITEM / ... / end actions ACTION / ... / end", of packets that come in by `port`.
// INVALID_ARGUMENT "Bad arguments: WORD: WHAT", UNIMPLEMENTED (group other than 0, egress, what the parsers say).
absl::StatusOr<FlowRule> ParseFlowRule(uint32_t port, RuleWords& words);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FLOWS_FLOW_RULE_H_
