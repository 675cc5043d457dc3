// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <absl/strings/str_join.h>

#include "tools/testpmd/console/commands.h"
#include "tools/testpmd/flows/flow_rules.h"

namespace pollux::testpmd {

void AddFlowCommands(CommandTable& table, Session& session) {
  const auto rules = std::make_shared<FlowRules>(session);
  const auto line = [rules](const Words& words) { return rules->Run(absl::StrJoin(words.begin() + 1, words.end(), " ")); };
  const auto add = [&](const char* pattern, const char* help) { table.Add({pattern, "flows", help, line}); };
  add("flow validate|create PORT [TEXT...]",
      "Check or create a rule: [priority N] [ingress] pattern ITEM / ... / end actions ACTION / ... / end.\n"
      "Items: eth, vlan, ipv4, ipv6, tcp, udp, sctp, icmp, icmp6, arp_eth_ipv4. Actions: port_id id N, drop, count, queue index 0, set_*, "
      "of_*.");
  add("flow destroy PORT rule N [TEXT...]", "Remove rules.");
  add("flow query PORT RULE count", "Packets and bytes of a rule that has the action count.");
  add("flow list|flush PORT [TEXT...]", "Show or remove the rules of a port.");
  table.Add(
      {"show flow stats", "flows", "What became of the packets of ports with flows, and of each rule's.", [rules, &session](const Words&) {
         session.Print(rules->StatisticsText());
         return absl::OkStatus();
       }});
}

}  // namespace pollux::testpmd
