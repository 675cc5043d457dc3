// SPDX-License-Identifier: Apache-2.0
// The pattern of a rule in DPDK's syntax: eth / vlan vid is 5 / ipv4 src spec 10.0.0.0 src prefix 8 / udp / end.
#ifndef TOOLS_TESTPMD_FLOWS_PATTERN_PARSER_H_
#define TOOLS_TESTPMD_FLOWS_PATTERN_PARSER_H_

#include <string>

#include <absl/status/statusor.h>

#include "pmd/flow.h"
#include "tools/testpmd/flows/rule_words.h"

namespace pollux::testpmd {

struct ParsedPattern {
  pmd::FlowMatch match;
  std::string names;  // "ETH IPV4 UDP"
};

// From behind "pattern" to behind "end". Items eth, vlan (two at most), ipv4, ipv6, tcp, udp, sctp, icmp, icmp6, arp_eth_ipv4, void, any
// order that a packet can have. An item stands for its header being there: "eth / ipv4" is no tagged packet, "ipv4 / udp" no later
// fragment. A field has `is`, or `spec` with `mask` or `prefix` (without: all of it); `last` only where it says the same as `spec`: a range
// is UNIMPLEMENTED.
absl::StatusOr<ParsedPattern> ParsePattern(RuleWords& words);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FLOWS_PATTERN_PARSER_H_
