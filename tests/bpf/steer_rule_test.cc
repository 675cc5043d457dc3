// SPDX-License-Identifier: Apache-2.0
#include "bpf/steer_rule.h"

#include <arpa/inet.h>

#include <cstring>
#include <string>
#include <vector>

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pollux::bpf {
namespace {

using testing::HasSubstr;

steer_condition Condition(const std::string& text) {
  absl::StatusOr<SteerRule> rule = ParseSteerRule(text);
  EXPECT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->text, text);
  EXPECT_EQ(rule->rule.condition_count, 1u) << text;
  return rule->rule.conditions[0];
}

bool operator==(const steer_condition& a, const steer_condition& b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

TEST(SteerRuleTest, EveryConditionIsRead) {
  constexpr uint8_t kBoth = STEER_SOURCE | STEER_DESTINATION;
  struct Case {
    const char* text;
    steer_condition condition;
  };
  const Case kCases[] = {
      {"udp dst 4789", {{}, {}, 4789, STEER_PORT, STEER_DESTINATION, 17, 0, {}}},
      {"udp dst port 4789", {{}, {}, 4789, STEER_PORT, STEER_DESTINATION, 17, 0, {}}},
      {"udp port 53", {{}, {}, 53, STEER_PORT, kBoth, 17, 0, {}}},
      {"tcp src 0", {{}, {}, 0, STEER_PORT, STEER_SOURCE, 6, 0, {}}},
      {"  tcp\tdst   65535 ", {{}, {}, 65535, STEER_PORT, STEER_DESTINATION, 6, 0, {}}},
      {"port 22", {{}, {}, 22, STEER_PORT, kBoth, 0, 0, {}}},
      {"src port 22", {{}, {}, 22, STEER_PORT, STEER_SOURCE, 0, 0, {}}},
      {"udp", {{}, {}, 17, STEER_PROTOCOL, 0, 0, 0, {}}},
      {"tcp", {{}, {}, 6, STEER_PROTOCOL, 0, 0, 0, {}}},
      {"icmp", {{}, {}, 1, STEER_PROTOCOL, 0, 0, 4, {}}},
      {"icmp6", {{}, {}, 58, STEER_PROTOCOL, 0, 0, 6, {}}},
      {"ip proto 47", {{}, {}, 47, STEER_PROTOCOL, 0, 0, 4, {}}},
      {"ip6 proto 0x2f", {{}, {}, 47, STEER_PROTOCOL, 0, 0, 6, {}}},
      {"proto 255", {{}, {}, 255, STEER_PROTOCOL, 0, 0, 0, {}}},
      {"ip", {{}, {}, 0, STEER_FAMILY, 0, 0, 4, {}}},
      {"ip6", {{}, {}, 0, STEER_FAMILY, 0, 0, 6, {}}},
      {"arp", {{}, {}, 0x0806, STEER_ETHER_TYPE, 0, 0, 0, {}}},
      {"ether proto 0x88cc", {{}, {}, 0x88cc, STEER_ETHER_TYPE, 0, 0, 0, {}}},
      {"ether dst 02:00:00:00:00:fF", {{htonl(0x02000000), htonl(0x00ff0000)}, {}, 0, STEER_ETHER_ADDRESS, STEER_DESTINATION, 0, 0, {}}},
      {"ether host 02:00:00:00:00:ff", {{htonl(0x02000000), htonl(0x00ff0000)}, {}, 0, STEER_ETHER_ADDRESS, kBoth, 0, 0, {}}},
      {"vlan 100", {{}, {}, 100, STEER_VLAN, 0, 0, 0, {}}},
      {"vlan", {{}, {}, STEER_ANY_VLAN, STEER_VLAN, 0, 0, 0, {}}},
      {"fragment", {{}, {}, 0, STEER_FRAGMENT, 0, 0, 0, {}}},
      {"dst net 10.1.0.0/16", {{htonl(0x0a010000)}, {htonl(0xffff0000)}, 0, STEER_NETWORK, STEER_DESTINATION, 0, 4, {}}},
      {"net 0.0.0.0/0", {{}, {}, 0, STEER_NETWORK, kBoth, 0, 4, {}}},
      {"src net 2001:db8::/33", {{htonl(0x20010db8)}, {0xffffffff, htonl(0x80000000)}, 0, STEER_NETWORK, STEER_SOURCE, 0, 6, {}}},
      {"host 10.0.0.1", {{htonl(0x0a000001)}, {0xffffffff}, 0, STEER_NETWORK, kBoth, 0, 4, {}}},
      {"dst host ::1",
       {{0, 0, 0, htonl(1)}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, 0, STEER_NETWORK, STEER_DESTINATION, 0, 6, {}}},
  };
  for (const Case& test : kCases) EXPECT_TRUE(Condition(test.text) == test.condition) << test.text;
}

TEST(SteerRuleTest, NotAndAnd) {
  SteerRule rule = ParseSteerRule("not tcp port 22").value();
  EXPECT_EQ(rule.rule.negated, 1u);
  EXPECT_EQ(rule.rule.condition_count, 1u);
  rule = ParseSteerRule("vlan and udp and src net 10.0.0.0/8 and ip").value();
  EXPECT_EQ(rule.rule.negated, 0u);
  EXPECT_EQ(rule.rule.condition_count, 4u);
  EXPECT_EQ(rule.rule.conditions[0].kind, STEER_VLAN);
  EXPECT_EQ(rule.rule.conditions[3].family, 4);
  rule = ParseSteerRule("not(tcp and host 10.0.0.1)").value();
  EXPECT_EQ(rule.rule.negated, 1u);
  EXPECT_EQ(rule.rule.condition_count, 2u);
}

TEST(SteerRuleTest, ErrorsShowTheTextTheWordAndWhatWasExpected) {
  struct Case {
    const char* text;
    const char* where;
    const char* what;
  };
  const Case kCases[] = {
      {"", "at the end", "expected arp, ip, ip6"},
      {"upd dst 1", "at 'upd'", "expected arp, ip, ip6"},
      {"udp dst", "at the end", "a port, 0 to 65535"},
      {"udp dst 65536", "at '65536'", "a port, 0 to 65535"},
      {"udp dst -1", "at '-1'", "a port"},
      {"udp dst 5 6", "at '6'", "'and' or the end of the rule"},
      {"udp 53", "at '53'", "src, dst, port"},
      {"udp port dst 53", "at 'dst'", "a port"},
      {"src 10.0.0.1", "at '10.0.0.1'", "port, net or host"},
      {"net 10.0.0.0", "at '10.0.0.0'", "a prefix such as"},
      {"net 10.0.0.0/33", "at '10.0.0.0/33'", "a prefix such as"},
      {"net 10.0.0/8", "at '10.0.0/8'", "a prefix such as"},
      {"net 10.0.0.0/", "at '10.0.0.0/'", "a prefix such as"},
      {"net ::/129", "at '::/129'", "a prefix such as"},
      {"net 10.1.2.3/16", "at '10.1.2.3/16'", "bits set after the first 16"},
      {"host 10.0.0.0/8", "at '10.0.0.0/8'", "an IPv4 or IPv6 address"},
      {"host example.org", "at 'example.org'", "an IPv4 or IPv6 address"},
      {"ether 02:00:00:00:00:01", "at '02:00:00:00:00:01'", "src, dst, host or proto"},
      {"ether dst 02:00:00:00:00", "at '02:00:00:00:00'", "a MAC address"},
      {"ether dst 02:00:00:00:00:0g", "at '02:00:00:00:00:0g'", "a MAC address"},
      {"ether proto 0x5ff", "at '0x5ff'", "an EtherType"},
      {"ether proto 0x10000", "at '0x10000'", "an EtherType"},
      {"vlan 4096", "at '4096'", "a VLAN id, 0 to 4095"},
      {"ip proto 256", "at '256'", "an IP protocol number"},
      {"ip dst 5", "at 'dst'", "'and' or the end"},
      {"udp and", "at the end", "expected arp"},
      {"and udp", "at 'and'", "expected arp"},
      {"not", "at the end", "expected arp"},
      {"not not udp", "at 'not'", "stands first"},
      {"udp and not tcp", "at 'not'", "stands first"},
      {"udp or tcp", "at 'or'", "rules of their own"},
      {"(udp", "at the end", "'and' or ')'"},
      {"(udp))", "at ')'", "the end of the rule"},
      {"udp)", "at ')'", "'and' or the end"},
      {"udp and tcp and ip and ip6 and arp", "at 'arp'", "at most 4 conditions"},
      {"not udp and tcp", "", "Write not (... and ...)"},
  };
  for (const Case& test : kCases) {
    absl::StatusOr<SteerRule> rule = ParseSteerRule(test.text);
    EXPECT_EQ(rule.status().code(), absl::StatusCode::kInvalidArgument) << test.text;
    std::string message(rule.status().message());
    EXPECT_THAT(message, HasSubstr(absl::StrCat("'", test.text, "'")));
    EXPECT_THAT(message, HasSubstr(test.where));
    EXPECT_THAT(message, HasSubstr(test.what));
  }
}

std::vector<SteerRule> Rules(const std::vector<std::string>& texts) {
  std::vector<SteerRule> rules;
  for (const std::string& text : texts) rules.push_back(ParseSteerRule(text).value());
  return rules;
}

TEST(SteerRuleTest, OptionsDoNotDependOnTheOrderOfRules) {
  steer_options one = MakeSteerOptions(Rules({"arp", "not udp", "vlan 5"})).value();
  steer_options two = MakeSteerOptions(Rules({"vlan 5", "arp", "not udp"})).value();
  EXPECT_EQ(std::memcmp(&one, &two, sizeof(one)), 0);
  EXPECT_EQ(one.rule_count, 3u);
  EXPECT_EQ(one.default_ours, 0u);
  EXPECT_EQ(MakeSteerOptions(Rules({"not arp", "not udp"}))->default_ours, 1u);
}

TEST(SteerRuleTest, SixteenRulesAreTheLimit) {
  EXPECT_TRUE(MakeSteerOptions(Rules(std::vector<std::string>(16, "arp"))).ok());
  absl::Status status = MakeSteerOptions(Rules(std::vector<std::string>(17, "arp"))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("17 steer rules; at most 16"));
}

}  // namespace
}  // namespace pollux::bpf
