// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/flows/flow_rule.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "tools/testpmd/flows/action_parser.h"
#include "tools/testpmd/flows/pattern_parser.h"

namespace pollux::testpmd {
namespace {

absl::Status ParseAttributes(RuleWords& words, FlowRule& rule) {
  while (!words.Skip("pattern")) {
    if (words.Skip("ingress")) continue;
    if (words.Skip("transfer")) {
      rule.transfer = true;
      continue;
    }
    if (words.Skip("egress")) return absl::UnimplementedError("flow: egress: a flow is of packets that come in by a port");
    const bool group = words.Peek() == "group";
    if (!group && words.Peek() != "priority") return words.Fault("group, priority, ingress, transfer or pattern is expected");
    words.Take();
    const auto number = words.Number(UINT32_MAX);
    if (!number.ok()) return number.status();
    if (!group) rule.flow.priority = static_cast<uint32_t>(*number);
    if (group && *number != 0) return absl::UnimplementedError(absl::StrCat("flow: group ", *number, ": there is group 0 only"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FlowRule> ParseFlowRule(uint32_t port, RuleWords& words) {
  FlowRule rule;
  if (auto status = ParseAttributes(words, rule); !status.ok()) return status;
  auto pattern = ParsePattern(words);
  if (!pattern.ok()) return pattern.status();
  if (auto status = words.Expect("actions"); !status.ok()) return status;
  auto actions = ParseActions(words);
  if (!actions.ok()) return actions.status();
  if (!words.finished()) return words.Fault("nothing is expected behind the actions");
  rule.flow.match = pattern->match;
  rule.flow.match.value.port = port;
  rule.flow.match.mask.port = ~0u;
  rule.flow.actions = std::move(actions->actions);
  rule.counts = actions->counts;
  rule.output = actions->output;
  rule.queue = actions->queue;
  rule.text = absl::StrCat(pattern->names, pattern->names.empty() ? "=> " : " => ", actions->names);
  return rule;
}

}  // namespace pollux::testpmd
