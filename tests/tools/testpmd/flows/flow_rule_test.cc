// SPDX-License-Identifier: Apache-2.0
// Rules in DPDK's syntax, as flows.
#include "tools/testpmd/flows/flow_rule.h"

#include <cstring>

#include <absl/strings/str_split.h>
#include <gtest/gtest.h>

#include "pmd/flow_compiler.h"

namespace pollux::testpmd {
namespace {

uint16_t Wire16(uint16_t value) {
  return __builtin_bswap16(value);
}

absl::StatusOr<FlowRule> Parse(const std::string& text) {
  RuleWords words(absl::StrSplit(text, ' ', absl::SkipEmpty()));
  return ParseFlowRule(3, words);
}
FlowRule Rule(const std::string& pattern, const std::string& actions = "drop") {
  const auto rule = Parse("ingress pattern " + pattern + " / end actions " + actions + " / end");
  EXPECT_TRUE(rule.ok()) << rule.status();
  if (!rule.ok()) return {};
  EXPECT_TRUE(pmd::CheckFlowMatch(rule->flow.match).ok()) << pattern;
  return *rule;
}
std::string Fault(const std::string& pattern, const std::string& actions = "drop") {
  return std::string(Parse("ingress pattern " + pattern + " / end actions " + actions + " / end").status().message());
}

bool Same(const pmd::FlowMatch& one, const pmd::FlowMatch& other) {
  return std::memcmp(&one, &other, sizeof(one)) == 0;
}

TEST(FlowRuleTest, TheIngressPortIsMatched) {
  const FlowRule rule = Rule("eth");
  EXPECT_EQ(rule.flow.match.value.port, 3u);
  EXPECT_EQ(rule.flow.match.mask.port, ~0u);
  EXPECT_EQ(rule.text, "ETH => DROP");
}

TEST(FlowRuleTest, AttributesInAnyOrder) {
  const auto rule = Parse("transfer priority 7 group 0 ingress pattern eth / end actions count identifier 4 / end");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->flow.priority, 7u);
  EXPECT_TRUE(rule->transfer);
  EXPECT_TRUE(rule->counts);
  ASSERT_EQ(rule->flow.actions.size(), 1u);
  EXPECT_EQ(rule->flow.actions[0].kind, pmd::FlowAction::Kind::kUserSpace);
  EXPECT_NE(std::string(Parse("egress pattern eth / end actions drop / end").status().message()).find("egress"), std::string::npos);
}

TEST(FlowRuleTest, SpecWithMaskPrefixOrAlone) {
  pmd::FlowMatch match = Rule("eth / ipv4 src spec 10.1.2.3 src mask 255.255.0.0 dst spec 10.9.8.7 dst prefix 9").flow.match;
  EXPECT_EQ(match.mask.ether_type, 0xffff);
  EXPECT_EQ(match.value.ether_type, Wire16(0x0800));
  EXPECT_EQ(match.mask.source[0], __builtin_bswap32(0xffff0000));
  EXPECT_EQ(match.value.source[0], __builtin_bswap32(0x0a010000));
  EXPECT_EQ(match.mask.destination[0], __builtin_bswap32(0xff800000));
  EXPECT_EQ(match.value.destination[0], __builtin_bswap32(0x0a000000));
  // The mask may stand before.
  EXPECT_TRUE(Same(match, Rule("eth / ipv4 src mask 255.255.0.0 dst prefix 9 src spec 10.1.2.3 dst spec 10.9.8.7").flow.match));
  match = Rule("eth / ipv6 dst is 2001:db8::1 / tcp dst spec 80 flags is 2").flow.match;
  EXPECT_EQ(match.mask.destination_port, 0xffff);
  EXPECT_EQ(match.value.destination_port, Wire16(80));
  EXPECT_EQ(match.value.tcp_flags, Wire16(2));
  EXPECT_EQ(match.mask.tcp_flags, Wire16(0xff));
  EXPECT_EQ(match.value.protocol, 6);
  EXPECT_EQ(match.value.destination[0], __builtin_bswap32(0x20010db8));
  EXPECT_EQ(Rule("eth / ipv4 / udp src spec 0x1234 src prefix 8").flow.match.mask.source_port, Wire16(0xff00));
  EXPECT_TRUE(Same(Rule("eth / ipv4 / udp src spec 5 src last 5").flow.match, Rule("eth / ipv4 / udp src is 5").flow.match));
}

TEST(FlowRuleTest, TagsAreCounted) {
  pmd::FlowMatch match = Rule("eth / ipv4").flow.match;
  EXPECT_EQ(match.mask.tag[0], Wire16(FLOW_TAG_PRESENT));
  EXPECT_EQ(match.value.tag[0], 0);
  match = Rule("eth type is 0x88a8 / vlan vid is 10 pcp is 5 / vlan vid spec 20 vid mask 0xff0 inner_type is 0x0800 / ipv4").flow.match;
  EXPECT_EQ(match.value.tag_type[0], Wire16(0x88a8));
  EXPECT_EQ(match.value.tag[0], Wire16(0xa000 | FLOW_TAG_PRESENT | 10));
  EXPECT_EQ(match.mask.tag[0], 0xffff);
  EXPECT_EQ(match.value.tag[1], Wire16(FLOW_TAG_PRESENT | (20 & 0xff0)));
  EXPECT_EQ(match.mask.tag[1], Wire16(FLOW_TAG_PRESENT | 0xff0));
  EXPECT_EQ(match.value.ether_type, Wire16(0x0800));
  EXPECT_EQ(Rule("eth").flow.match.mask.tag[0], 0);
}

TEST(FlowRuleTest, IcmpAndArp) {
  pmd::FlowMatch match = Rule("eth / ipv4 / icmp type is 8 code is 0").flow.match;
  EXPECT_EQ(match.value.protocol, 1);
  EXPECT_EQ(match.value.source_port, Wire16(8));
  EXPECT_EQ(match.mask.destination_port, Wire16(0xff));
  EXPECT_EQ(Rule("eth / ipv6 / icmp6 type is 135").flow.match.value.protocol, 58);
  match = Rule("eth / arp_eth_ipv4 op is 1 spa is 10.0.0.1 sha is 02:03:04:05:06:07").flow.match;
  EXPECT_EQ(match.value.ether_type, Wire16(0x0806));
  EXPECT_EQ(match.value.protocol, 1);
  EXPECT_EQ(reinterpret_cast<const uint8_t*>(match.value.source)[8], 2);
  EXPECT_EQ(reinterpret_cast<const uint8_t*>(match.value.source)[13], 7);
}

TEST(FlowRuleTest, LaterFragmentsHaveNoUdpHeader) {
  EXPECT_EQ(Rule("eth / ipv4 / udp").flow.match.mask.fragment, FLOW_FRAGMENT_LATER);
  EXPECT_EQ(Rule("eth / ipv4").flow.match.mask.fragment, 0);
}

TEST(FlowRuleTest, ActionsInTheirOrder) {
  const FlowRule rule = Rule(
      "eth / vlan / ipv4 / udp",
      "count / of_pop_vlan / mac_swap / set_ipv4_src ipv4_addr 10.0.0.9 / set_tp_src port 99 / set_ipv4_dscp dscp_value 46 / of_push_vlan "
      "ethertype 0x88a8 / of_set_vlan_vid vlan_vid 12 / represented_port ethdev_port_id 1");
  EXPECT_EQ(rule.output, 1u);
  EXPECT_TRUE(rule.counts);
  const auto action = pmd::CompileFlowActions(rule.flow.match, rule.flow.actions);
  ASSERT_TRUE(action.ok()) << action.status();
  EXPECT_EQ(action->pops, 1);
  EXPECT_EQ(action->pushes, 1);
  EXPECT_NE(action->sets & FLOW_EXCHANGES_MACS, 0);
  EXPECT_EQ(action->push_type[0], Wire16(0x88a8));
  EXPECT_EQ(action->push_tag[0], Wire16(12));
  EXPECT_EQ(action->value.source[0], __builtin_bswap32(0x0a000009));
  EXPECT_EQ(action->value.source_port, Wire16(99));
  EXPECT_EQ(action->mask.type_of_service, 0xfc);
  EXPECT_EQ(action->value.type_of_service, 46 << 2);
}

TEST(FlowRuleTest, MistakesNameTheWord) {
  EXPECT_EQ(Fault("eth / ipv4 src is 10.0.0"), "Bad arguments: '10.0.0': an IPv4 address is expected");
  EXPECT_EQ(Fault("eth / ipv4 src was 10.0.0.1"), "Bad arguments: 'was': is, spec, last, mask or prefix is expected");
  EXPECT_EQ(Fault("eth / udp"), "Bad arguments: 'udp': this item wants ipv4 or ipv6 before it");
  EXPECT_NE(Fault("ipv4 / eth").find("'eth': this item cannot come here"), std::string::npos);
  EXPECT_NE(Fault("eth type is 0x86dd / ipv4").find("another EtherType"), std::string::npos);
  EXPECT_NE(Fault("eth / ipv4 proto is 6 / udp").find("another protocol"), std::string::npos);
  EXPECT_NE(Fault("eth / ipv4 / icmp6").find("other version of IP"), std::string::npos);
  EXPECT_NE(Fault("eth / vlan / vlan / vlan").find("more than two vlan items"), std::string::npos);
  EXPECT_NE(Fault("eth / ipv4 ttl last 5").find("a range of ipv4 ttl"), std::string::npos);
  EXPECT_NE(Fault("eth / ipv4 colour is 5").find("'colour': '/' or a field of ipv4 is expected: src, dst"), std::string::npos);
  EXPECT_NE(Fault("eth", "meter mtr_id 1").find("'meter': this action is not there"), std::string::npos);
  EXPECT_NE(Fault("eth", "port_id id many").find("a number from 0 to 1023 is expected"), std::string::npos);
  EXPECT_EQ(Fault("eth", "drop / end and more").substr(0, 21), "Bad arguments: 'and':");
  EXPECT_EQ(std::string(Parse("pattern eth").status().message()),
            "Bad arguments: the end: '/' is expected behind an item, and 'end' at last");
}

}  // namespace
}  // namespace pollux::testpmd
