// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a flow does to its packets: what both hooks have in common. All that can fail comes first: a packet that goes up is as it came.
// send_as_it_is and send_by_flow are in flow_actions_xdp.bpf.h and flow_actions_tc.bpf.h.
#ifndef BPF_FLOW_ACTIONS_BPF_H_
#define BPF_FLOW_ACTIONS_BPF_H_

#include "bpf/flow_parsing.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, FLOW_MAXIMUM_PORTS);
  __type(key, __u32);
  __type(value, struct flow_port);
} flow_ports SEC(".maps");

// Addresses are part of the pseudo header of some protocols' checksums; of others we do not know.
static __always_inline int can_change_addresses(const struct flow_packet* packet) {
  if (packet->other_addresses) return 0;
  switch (packet->key.protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
    case IPPROTO_IGMP:
    case IPPROTO_GRE:
      return 1;
    default:
      return 0;
  }
}

// The packet's key when the flow's fields are set.
static __always_inline void set_fields(struct flow_key* to, const struct flow_packet* packet, const struct flow_action* action) {
  *to = packet->key;
  if (action->sets & FLOW_EXCHANGES_MACS) {
    __builtin_memcpy(to->destination_mac, packet->key.source_mac, ETH_ALEN);
    __builtin_memcpy(to->source_mac, packet->key.destination_mac, ETH_ALEN);
  }
#pragma unroll
  for (int i = 0; i < FLOW_KEY_WORDS; ++i) to->words[i] = (to->words[i] & ~action->mask.words[i]) | action->value.words[i];
}

#endif  // BPF_FLOW_ACTIONS_BPF_H_
