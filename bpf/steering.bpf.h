// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Which packets are ours, by the rules; the others are the kernel's. Meaning of the rules: docs/steering.md.
#ifndef BPF_STEERING_BPF_H_
#define BPF_STEERING_BPF_H_

#include "bpf/parsing.bpf.h"
#include "bpf/xdp_shared.h"

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} passed_packets SEC(".maps");

// Known to the verifier when the program is loaded, which drops the code of rules that are not there.
const volatile struct steer_options options = {};

static __always_inline int matches_network(const volatile struct steer_condition* condition, const __u32* address) {
  __u32 difference = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) difference |= (address[i] & condition->mask[i]) ^ condition->address[i];
  return difference == 0;
}

static __always_inline int matches_ether_address(const volatile struct steer_condition* condition, const __u8* address) {
  __u32 first = address[0] | address[1] << 8 | address[2] << 16 | (__u32)address[3] << 24;
  __u32 last = address[4] | address[5] << 8;
  return first == condition->address[0] && last == condition->address[1];
}

static __always_inline int matches_vlan(const volatile struct steer_condition* condition, const struct packet_facts* facts) {
  __u16 id = condition->value;
  if (id == STEER_ANY_VLAN) return facts->vlan_count > 0;
  return (facts->vlan_count > 0 && facts->vlan_ids[0] == id) || (facts->vlan_count > 1 && facts->vlan_ids[1] == id);
}

static __always_inline int matches(const volatile struct steer_condition* condition, const struct packet_facts* facts) {
  __u8 direction = condition->direction;
  if (condition->family && condition->family != facts->family) return 0;
  switch (condition->kind) {
    case STEER_ETHER_TYPE:
      return facts->ether_type == condition->value;
    case STEER_ETHER_ADDRESS:
      if (!facts->ether_known) return 0;
      return ((direction & STEER_SOURCE) && matches_ether_address(condition, facts->ether_source)) ||
             ((direction & STEER_DESTINATION) && matches_ether_address(condition, facts->ether_destination));
    case STEER_VLAN:
      return matches_vlan(condition, facts);
    case STEER_FAMILY:
      return 1;
    case STEER_PROTOCOL:
      return facts->protocol_known && facts->protocol == condition->value;
    case STEER_PORT:
      if (!facts->ports_known || (condition->protocol && condition->protocol != facts->protocol)) return 0;
      return ((direction & STEER_SOURCE) && facts->source_port == condition->value) ||
             ((direction & STEER_DESTINATION) && facts->destination_port == condition->value);
    case STEER_NETWORK:
      return ((direction & STEER_SOURCE) && matches_network(condition, facts->source)) ||
             ((direction & STEER_DESTINATION) && matches_network(condition, facts->destination));
    case STEER_FRAGMENT:
      return facts->fragment;
    default:
      return 0;
  }
}

static __always_inline int is_ours(const struct packet_facts* facts) {
  int ours = options.default_ours;
  for (__u32 i = 0; i < STEER_MAXIMUM_RULES && i < options.rule_count; ++i) {
    const volatile struct steer_rule* rule = &options.rules[i];
    __u32 met = 0;
    while (met < STEER_MAXIMUM_CONDITIONS && met < rule->condition_count && matches(&rule->conditions[met], facts)) ++met;
    if (met != rule->condition_count) continue;
    if (rule->negated) return 0;
    ours = 1;
  }
  return ours;
}

static __always_inline void count_passed(void) {
  __u32 key = 0;
  __u64* passed = bpf_map_lookup_elem(&passed_packets, &key);
  if (passed) ++*passed;
}

#endif  // BPF_STEERING_BPF_H_
