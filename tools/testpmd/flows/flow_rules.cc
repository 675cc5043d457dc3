// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/flows/flow_rules.h"

#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "lcore/errno_status.h"
#include "pmd/flow_compiler.h"

namespace pollux::testpmd {

absl::Status FlowRules::Run(absl::string_view line) {
  RuleWords words(absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty()));
  const std::string command = words.Peek();
  const std::string known = "validate, create, destroy, query, list or flush";
  if (command != "validate" && command != "create" && command != "destroy" && command != "query" && command != "list" && command != "flush")
    return words.Fault(absl::StrCat(known, " is expected"));
  words.Take();
  const auto port = TakePort(words);
  if (!port.ok()) return port.status();
  if (command == "create") return Create(*port, words);
  if (command == "destroy") return Destroy(*port, words);
  if (command == "query") return Query(*port, words);
  if (command == "validate") {
    const auto rule = ParseAndCheck(*port, words);
    if (rule.ok()) session_.Print("Flow rule validated\n");
    return rule.status();
  }
  while (command == "list" && words.Skip("group")) {
    const auto group = words.Number(UINT32_MAX);
    if (!group.ok()) return group.status();
  }
  if (!words.finished()) return words.Fault("nothing is expected any more");
  return command == "list" ? List(*port) : Flush(*port);
}

absl::StatusOr<uint32_t> FlowRules::TakePort(RuleWords& words) const {
  const auto numbers = session_.SelectPorts(words.Peek());
  if (!numbers.ok()) return numbers.status();
  if (words.Peek() == "all") return words.Fault("a port's number is expected");
  words.Take();
  return static_cast<uint32_t>(numbers->front());
}

absl::StatusOr<FlowRule> FlowRules::ParseAndCheck(uint32_t port, RuleWords& words) const {
  auto rule = ParseFlowRule(port, words);
  if (!rule.ok()) return rule.status();
  if (rule->output) {
    if (const auto known = session_.SelectPorts(absl::StrCat(*rule->output)); !known.ok()) return known.status();
  }
  for (const uint32_t one : {port, rule->output.value_or(port)}) {
    if (auto status = session_.flows().Check(one); !status.ok()) return status;
  }
  const std::size_t queues = session_.ports()[port]->config().rx_queues;
  if (rule->queue && (*rule->queue != 0 || queues != 1))
    return absl::UnimplementedError(absl::StrCat("flow: action queue ", *rule->queue,
                                                 ": a packet comes up by the queue that it came in by, and port ", port, " has ", queues,
                                                 " (one queue: index 0)"));
  absl::Status status = pmd::CheckFlowMatch(rule->flow.match);
  if (status.ok()) status = pmd::CompileFlowActions(rule->flow.match, rule->flow.actions).status();
  if (!status.ok()) return status;
  return rule;
}

absl::Status FlowRules::Create(uint32_t port, RuleWords& words) {
  auto rule = ParseAndCheck(port, words);
  if (!rule.ok()) return rule.status();
  PortFlows& flows = session_.flows();
  if (auto status = rule->output ? flows.Connect(port, *rule->output) : flows.ConnectInput(port); !status.ok()) return status;
  const auto id = flows.table()->Add(rule->flow);
  if (!id.ok()) return id.status();
  PortRules& rules = rules_[port];
  const uint32_t number = rules.empty() ? 0 : rules.rbegin()->first + 1;
  rules[number] = {*std::move(rule), *id};
  session_.Print(absl::StrCat("Flow rule #", number, " created\n"));
  return absl::OkStatus();
}

absl::StatusOr<FlowRules::PortRules::iterator> FlowRules::TakeRule(uint32_t port, RuleWords& words) {
  const auto number = words.Number(UINT32_MAX);
  if (!number.ok()) return number.status();
  const auto found = rules_[port].find(static_cast<uint32_t>(*number));
  if (found == rules_[port].end()) return absl::NotFoundError(absl::StrCat("Flow rule #", *number, " not found"));
  return found;
}

absl::Status FlowRules::Destroy(uint32_t port, RuleWords& words) {
  if (words.Peek() != "rule") return words.Fault("'rule' is expected");
  while (words.Skip("rule")) {
    const auto rule = TakeRule(port, words);
    if (!rule.ok()) return rule.status();
    if (const auto removed = session_.flows().table()->Remove((*rule)->second.id); !removed.ok()) return removed.status();
    session_.Print(absl::StrCat("Flow rule #", (*rule)->first, " destroyed\n"));
    rules_[port].erase(*rule);
  }
  return words.finished() ? absl::OkStatus() : words.Fault("'rule' is expected");
}

absl::Status FlowRules::Query(uint32_t port, RuleWords& words) {
  const auto rule = TakeRule(port, words);
  if (!rule.ok()) return rule.status();
  if (auto status = words.Expect("count"); !status.ok()) return status;
  if (!words.finished()) return words.Fault("nothing is expected any more");
  if (!(*rule)->second.rule.counts)
    return absl::FailedPreconditionError(absl::StrCat("Flow rule #", (*rule)->first, " has no action count"));
  const auto statistics = session_.flows().table()->Statistics((*rule)->second.id);
  if (!statistics.ok()) return statistics.status();
  session_.Print(absl::StrCat("COUNT:\n hits_set: 1\n bytes_set: 1\n hits: ", statistics->packets, "\n bytes: ", statistics->bytes, "\n"));
  return absl::OkStatus();
}

absl::Status FlowRules::List(uint32_t port) {
  std::string text = "ID\tGroup\tPrio\tAttr\tRule\n";
  for (const auto& [number, kept] : rules_[port]) {
    absl::StrAppend(&text, number, "\t0\t", kept.rule.flow.priority, "\t", kept.rule.transfer ? "--t" : "i--", "\t", kept.rule.text, "\n");
  }
  session_.Print(text);
  return absl::OkStatus();
}

absl::Status FlowRules::Flush(uint32_t port) {
  PortRules& rules = rules_[port];
  while (!rules.empty()) {
    if (const auto removed = session_.flows().table()->Remove(rules.begin()->second.id); !removed.ok()) return removed.status();
    rules.erase(rules.begin());
  }
  return absl::OkStatus();
}

std::string FlowRules::StatisticsText() const {
  const pmd::FlowTable* const table = session_.flows().table();
  if (table == nullptr) return "Flows: no rule was created yet\n";
  std::string text = absl::StrCat("Flows: ", table->flow_count(), " of ", table->options().flows, ", with ", table->mask_count(), " of ",
                                  table->options().masks, " masks\n");
  for (const auto& counter : table->Counters()) absl::StrAppend(&text, counter.name, ": ", counter.value, "\n");
  for (const auto& [port, rules] : rules_) {
    for (const auto& [number, kept] : rules) {
      const auto statistics = table->Statistics(kept.id);
      if (!statistics.ok()) continue;
      absl::StrAppend(&text, "port ", port, " rule ", number, ": packets ", statistics->packets, ", bytes ", statistics->bytes, "\n");
    }
  }
  return text;
}

}  // namespace pollux::testpmd
