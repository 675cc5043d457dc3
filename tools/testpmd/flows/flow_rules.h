// SPDX-License-Identifier: Apache-2.0
// FlowRules: the rules that were created at the prompt, by port and number, and the table that makes them true.
#ifndef TOOLS_TESTPMD_FLOWS_FLOW_RULES_H_
#define TOOLS_TESTPMD_FLOWS_FLOW_RULES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "pmd/flow_table.h"
#include "tools/testpmd/flows/flow_rule.h"
#include "tools/testpmd/session/session.h"

namespace pollux::testpmd {

// Belongs to the main lcore. The table is made with the first rule: ports without rules have no part in it.
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
  absl::Status Join(uint32_t port, pmd::FlowRole role);
  absl::StatusOr<PortRules::iterator> TakeRule(uint32_t port, RuleWords& words);

  Session& session_;
  std::shared_ptr<pmd::FlowTable> table_;
  std::map<uint32_t, PortRules> rules_;
  std::map<uint32_t, pmd::FlowRole> roles_;  // of ports that have a part
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FLOWS_FLOW_RULES_H_
