// SPDX-License-Identifier: Apache-2.0
// A bounded, repeatable fuzz of ParseSteerRule; with libFuzzer, LLVMFuzzerTestOneInput is the entry.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <random>
#include <string>

#include <absl/strings/match.h>
#include <gtest/gtest.h>

#include "bpf/steer_rule.h"

namespace pollux::bpf {
namespace {

// Whatever the text: a rule that the program can read, or an error that shows the text. Returns whether it was a rule; aborts if
// it was neither.
bool TryText(const std::string& text) {
  absl::StatusOr<SteerRule> rule = ParseSteerRule(text);
  if (!rule.ok()) {
    if (rule.status().code() != absl::StatusCode::kInvalidArgument || !absl::StrContains(rule.status().message(), text)) std::abort();
    return false;
  }
  const steer_rule& read = rule->rule;
  if (read.condition_count < 1 || read.condition_count > STEER_MAXIMUM_CONDITIONS || read.negated > 1) std::abort();
  steer_condition none = {};
  for (uint32_t i = 0; i < STEER_MAXIMUM_CONDITIONS; ++i) {
    const steer_condition& condition = read.conditions[i];
    if (i >= read.condition_count) {
      if (std::memcmp(&condition, &none, sizeof(none)) != 0) std::abort();
      continue;
    }
    if (condition.kind < STEER_ETHER_TYPE || condition.kind > STEER_FRAGMENT) std::abort();
    if (condition.direction > (STEER_SOURCE | STEER_DESTINATION)) std::abort();
    if (condition.family != 0 && condition.family != 4 && condition.family != 6) std::abort();
    bool directed = condition.kind == STEER_ETHER_ADDRESS || condition.kind == STEER_PORT || condition.kind == STEER_NETWORK;
    if (directed != (condition.direction != 0)) std::abort();
  }
  return true;
}

const std::string kWords[] = {"arp",
                              "ip",
                              "ip6",
                              "icmp",
                              "icmp6",
                              "tcp",
                              "udp",
                              "port",
                              "src",
                              "dst",
                              "net",
                              "host",
                              "ether",
                              "vlan",
                              "proto",
                              "fragment",
                              "and",
                              "not",
                              "(",
                              ")",
                              "or",
                              "53",
                              "4789",
                              "65536",
                              "-1",
                              "0x806",
                              "10.0.0.0/8",
                              "2001:db8::/32",
                              "::1",
                              "/",
                              "",
                              "0x",
                              "10.0.0.1/8",
                              "::/0",
                              ":",
                              "16",
                              "4095",
                              "10.0.0.0/99",
                              "02:00:00:00:00:01"};

const std::string kRules[] = {"udp dst 4789 and dst net 10.0.0.0/8",
                              "not (tcp port 22 and src net 2001:db8::/32)",
                              "vlan 100 and ether dst 02:00:00:00:00:01",
                              "ip proto 47",
                              "not arp",
                              "fragment and host ::1"};

// Words in any order, or a rule; then some of its bytes changed.
std::string RandomText(std::mt19937& random) {
  std::string text;
  if (random() % 2 == 0) text = kRules[random() % std::size(kRules)] + (random() % 2 == 0 ? "" : " and ");
  for (size_t count = random() % 8; count > 0 && random() % 4 != 0; --count) {
    text += kWords[random() % std::size(kWords)];
    text += random() % 16 == 0 ? '\t' : ' ';
  }
  for (size_t flips = random() % 2 == 0 ? random() % 4 : 0; flips > 0 && !text.empty(); --flips) {
    text[random() % text.size()] = static_cast<char>(random());
  }
  return text;
}

TEST(SteerRuleFuzz, AnyTextIsARuleOrAnError) {
  std::mt19937 random(1);
  size_t rules = 0;
  for (int round = 0; round < 200000; ++round) rules += TryText(RandomText(random));
  EXPECT_GT(rules, 5000u) << "the generator must reach behind the first word";
}

}  // namespace
}  // namespace pollux::bpf

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pollux::bpf::TryText(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
