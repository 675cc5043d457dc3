// SPDX-License-Identifier: Apache-2.0
// The actions of a rule in DPDK's syntax: count / set_ttl ttl_value 5 / port_id id 1 / end.
#ifndef TOOLS_TESTPMD_FLOWS_ACTION_PARSER_H_
#define TOOLS_TESTPMD_FLOWS_ACTION_PARSER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "pmd/flow.h"
#include "tools/testpmd/flows/rule_words.h"

namespace pollux::testpmd {

struct ParsedActions {
  std::vector<pmd::FlowAction> actions;
  std::string names;  // "COUNT PORT_ID"
  bool counts = false;
  std::optional<uint32_t> output;  // port
  std::optional<uint32_t> queue;   // of the port itself, which is the way to user space
};

// From behind "actions" to behind "end". Without an output, a drop or a queue the packets go to user space.
absl::StatusOr<ParsedActions> ParseActions(RuleWords& words);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FLOWS_ACTION_PARSER_H_
