// SPDX-License-Identifier: Apache-2.0
// FlowRules: the rules that were created at the prompt, by port and number.
#ifndef TOOLS_TESTPMD_FLOWS_FLOW_RULES_H_
#define TOOLS_TESTPMD_FLOWS_FLOW_RULES_H_

#include <cstdint>
#include <map>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "pmd/flow_table.h"
#include "tools/testpmd/flows/flow_rule.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {

// Belongs to the main lcore. Session::flows makes the rules true.
class FlowRules {
 public:
  explicit FlowRules(Session& session) : session_(session) {}

  // The lines behind "flow": validate, create, destroy, query, list, flush. Prints as DPDK does.
  absl::Status Run(absl::string_view line);
  // `show flow stats`.
  std::string StatisticsText() const;

 private:
  struct Kept {
    FlowRule rule;
    pmd::FlowTable::Id id = 0;
  };
  using PortRules = std::map<uint32_t, Kept>;  // by number

  absl::StatusOr<uint32_t> TakePort(RuleWords& words) const;
  absl::StatusOr<FlowRule> ParseAndCheck(uint32_t port, RuleWords& words) const;
  absl::Status Create(uint32_t port, RuleWords& words);
  absl::Status Destroy(uint32_t port, RuleWords& words);
  absl::Status Query(uint32_t port, RuleWords& words);
  absl::Status List(uint32_t port);
  absl::Status Flush(uint32_t port);
  absl::StatusOr<PortRules::iterator> TakeRule(uint32_t port, RuleWords& words);

  Session& session_;
  std::map<uint32_t, PortRules> rules_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FLOWS_FLOW_RULES_H_
