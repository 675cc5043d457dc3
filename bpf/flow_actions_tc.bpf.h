// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a flow does to its packets at TC: sk_buffs, whose segments may be joined, whose outer VLAN tag lies beside the bytes, and whose
// checksum may be left to a device. They stay so: fields and checksums are written by the kernel's helpers, which know the state that the
// checksum is in, and what is redirected is the sk_buff.
#ifndef BPF_FLOW_ACTIONS_TC_BPF_H_
#define BPF_FLOW_ACTIONS_TC_BPF_H_

#include <linux/pkt_cls.h>

#include "bpf/flow_actions.bpf.h"

enum {
  FLOW_VERDICT_DROP = TC_ACT_SHOT,
  FLOW_VERDICT_SENT = TC_ACT_REDIRECT,
  FLOW_HEADERS_PULLED = 192,  // as many bytes as are brought together where headers lie in pages
  FLOW_LOST = FLOW_COUNTERS,  // of send_by_flow: changed, and cannot be sent
};

static __always_inline __u32 bytes_in_front(const struct flow_packet* packet) {
  return packet->payload + packet->tags_beside * sizeof(struct vlan_tag);
}

// 0, or the flow_counter that says why the packet goes up.
static __always_inline int read_packet(struct __sk_buff* context, struct flow_packet* packet, const volatile struct flow_options* options) {
  (void)options;
  int reason = parse_flow(context, packet, 0);
  if (reason == FLOW_COUNT_TRUNCATED && packet->paged) {
    const __u32 length = context->len;
    if (bpf_skb_pull_data(context, length < FLOW_HEADERS_PULLED ? length : FLOW_HEADERS_PULLED)) return reason;
    __builtin_memset(packet, 0, sizeof(*packet));
    reason = parse_flow(context, packet, 0);
  }
  if (reason || !packet->segment) return reason;
  // What the segments will be is known for TCP and UDP alone, and not for what a tunnel carries.
  if (!packet->payload || packet->length <= bytes_in_front(packet)) return FLOW_COUNT_HEADERS;
  return packet->key.protocol == PROTOCOL_UDP && is_tunnel_port(packet->key.destination_port) ? FLOW_COUNT_HEADERS : 0;
}

// Frames that the packet is on a wire, and their bytes.
static __always_inline void measure_frames(const struct flow_packet* packet, __u64* frames, __u64* bytes) {
  *frames = 1;
  *bytes = packet->length;
  if (!packet->segment) return;
  const __u32 front = bytes_in_front(packet);
  *frames = (packet->length - front + packet->segment - 1) / packet->segment;
  *bytes += (*frames - 1) * front;
}

// An outer checksum may be finished while the inner one is not: then the helpers take the outer one for unfinished.
static __always_inline int may_carry_unfinished(const struct flow_packet* packet) {
  return packet->key.protocol == PROTOCOL_UDP && packet->checksum && is_tunnel_port(packet->key.destination_port);
}

// Whether the helpers below, which the kernel may refuse for want of memory, will have all they touch: everything is here and writable.
static __always_inline int prepare(struct __sk_buff* context, const struct flow_packet* packet) {
  __u32 length = packet->transport ? packet->transport + sizeof(struct tcphdr) : packet->network + sizeof(struct ipv6hdr);
  if (length > context->len) length = context->len;
  return bpf_skb_pull_data(context, length) == 0;
}

static __always_inline void replace_ipv4(struct __sk_buff* context, __u32 network, const struct flow_key* from, const struct flow_key* to) {
  const __u32 checksum = network + __builtin_offsetof(struct iphdr, check);
  if (from->type_of_service != to->type_of_service) {
    bpf_l3_csum_replace(context, checksum, bpf_htons(from->type_of_service), bpf_htons(to->type_of_service), 2);
    bpf_skb_store_bytes(context, network + __builtin_offsetof(struct iphdr, tos), &to->type_of_service, 1, 0);
  }
  if (from->time_to_live != to->time_to_live) {
    bpf_l3_csum_replace(context, checksum, bpf_htons(from->time_to_live << 8), bpf_htons(to->time_to_live << 8), 2);
    bpf_skb_store_bytes(context, network + __builtin_offsetof(struct iphdr, ttl), &to->time_to_live, 1, 0);
  }
  if (from->source[0] != to->source[0]) {
    bpf_l3_csum_replace(context, checksum, from->source[0], to->source[0], 4);
    bpf_skb_store_bytes(context, network + __builtin_offsetof(struct iphdr, saddr), to->source, 4, 0);
  }
  if (from->destination[0] != to->destination[0]) {
    bpf_l3_csum_replace(context, checksum, from->destination[0], to->destination[0], 4);
    bpf_skb_store_bytes(context, network + __builtin_offsetof(struct iphdr, daddr), to->destination, 4, 0);
  }
}

// No checksum of the header makes up for what changes: a sum of the whole packet, as some devices give it, follows each.
static __always_inline void replace_ipv6(struct __sk_buff* context, __u32 network, const struct flow_key* from, const struct flow_key* to) {
  if (from->type_of_service != to->type_of_service || from->time_to_live != to->time_to_live) {
    __u8 start[8];  // version, class, label; length, next header, hop limit
    if (bpf_skb_load_bytes(context, network, start, sizeof(start))) return;
    start[0] = (start[0] & 0xf0) | to->type_of_service >> 4;
    start[1] = (start[1] & 0x0f) | to->type_of_service << 4;
    start[7] = to->time_to_live;
    bpf_skb_store_bytes(context, network, start, sizeof(start), BPF_F_RECOMPUTE_CSUM);
  }
  bpf_skb_store_bytes(context, network + __builtin_offsetof(struct ipv6hdr, saddr), to->source, 16, BPF_F_RECOMPUTE_CSUM);
  bpf_skb_store_bytes(context, network + __builtin_offsetof(struct ipv6hdr, daddr), to->destination, 16, BPF_F_RECOMPUTE_CSUM);
}

static __always_inline void replace_transport(struct __sk_buff* context, __u32 transport, const struct flow_key* from,
                                              const struct flow_key* to) {
  const int ipv6 = from->ether_type == bpf_htons(ETH_P_IPV6);
  __u32 checksum;
  __u64 flags = 0;
  if (from->protocol == PROTOCOL_TCP) {
    checksum = transport + __builtin_offsetof(struct tcphdr, check);
  } else if (from->protocol == PROTOCOL_UDP) {
    checksum = transport + __builtin_offsetof(struct udphdr, check);
    flags = BPF_F_MARK_MANGLED_0;
  } else if (from->protocol == PROTOCOL_ICMPV6 && ipv6) {
    checksum = transport + 2;
  } else {
    return;
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (from->source[i] != to->source[i])
      bpf_l4_csum_replace(context, checksum, from->source[i], to->source[i], BPF_F_PSEUDO_HDR | flags | 4);
    if (from->destination[i] != to->destination[i])
      bpf_l4_csum_replace(context, checksum, from->destination[i], to->destination[i], BPF_F_PSEUDO_HDR | flags | 4);
  }
  if (from->protocol == PROTOCOL_ICMPV6) return;
  if (from->source_port != to->source_port) {
    bpf_l4_csum_replace(context, checksum, from->source_port, to->source_port, flags | 2);
    bpf_skb_store_bytes(context, transport, &to->source_port, 2, 0);
  }
  if (from->destination_port != to->destination_port) {
    bpf_l4_csum_replace(context, checksum, from->destination_port, to->destination_port, flags | 2);
    bpf_skb_store_bytes(context, transport + 2, &to->destination_port, 2, 0);
  }
}

// 0, or what the kernel says.
static __always_inline int change_tags(struct __sk_buff* context, const struct flow_action* action) {
  const int pops = action->pops, pushes = action->pushes;
  int error = 0;
  if (pops > 0) error = bpf_skb_vlan_pop(context);
  if (pops > 1 && !error) error = bpf_skb_vlan_pop(context);
  if ((action->sets & FLOW_SETS_TAG) && !error) {
    const __be16 type = context->vlan_proto;
    const __u16 tag = (context->vlan_tci & ~bpf_ntohs(action->tag_mask)) | bpf_ntohs(action->tag_value);
    error = bpf_skb_vlan_pop(context);
    if (!error) error = bpf_skb_vlan_push(context, type, tag);
  }
  if (pushes > 1 && !error) error = bpf_skb_vlan_push(context, action->push_type[1], bpf_ntohs(action->push_tag[1]));
  if (pushes > 0 && !error) error = bpf_skb_vlan_push(context, action->push_type[0], bpf_ntohs(action->push_tag[0]));
  return error;
}

// 0 and the output's interface, or the flow_counter that says why the packet goes up. It leaves longer by `shift` than it came.
static __always_inline int find_output(const struct flow_packet* packet, __u32 output, int shift, __u32* ifindex) {
  const struct flow_port* port = bpf_map_lookup_elem(&flow_ports, &output);
  const __u32 maximum_length = port ? *(volatile __u32*)&port->maximum_buffer_length : 0;
  *ifindex = port ? *(volatile __u32*)&port->ifindex : 0;
  if (maximum_length == 0) return FLOW_COUNT_NOT_READY;
  const __u32 longest = packet->segment ? bytes_in_front(packet) + packet->segment : packet->length;
  return longest + shift > maximum_length ? FLOW_COUNT_TOO_LONG : 0;
}

static __always_inline int send_as_it_is(struct __sk_buff* context, const struct flow_packet* packet, __u32 output) {
  (void)context;
  __u32 ifindex;
  const int reason = find_output(packet, output, 0, &ifindex);
  if (reason) return reason;
  return bpf_redirect(ifindex, 0) == TC_ACT_REDIRECT ? 0 : FLOW_LOST;
}

// A global function, as parse_flow: 0, or the flow_counter that says why the packet, as it came, goes up; or FLOW_LOST.
__attribute__((noinline)) int send_by_flow(struct __sk_buff* context, const struct flow_packet* packet, const struct flow_action* action) {
  if (!packet || !action) return FLOW_COUNT_MISS;
  __u32 ifindex;
  const int reason = find_output(packet, action->output, 4 * ((int)action->pushes - (int)action->pops), &ifindex);
  if (reason) return reason;
  const int sets = action->sets;
  if ((sets & FLOW_SETS_ADDRESS) && !can_change_addresses(packet)) return FLOW_COUNT_CHECKSUM;
  if ((sets & (FLOW_SETS_ADDRESS | FLOW_SETS_PORTS)) && may_carry_unfinished(packet)) return FLOW_COUNT_CHECKSUM;
  if ((sets & FLOW_SETS_PORTS) && !packet->transport) return FLOW_COUNT_HEADERS;
  if (!prepare(context, packet)) return FLOW_COUNT_NO_ROOM;
  struct flow_key to;
  set_fields(&to, packet, action);
  if (sets & (FLOW_SETS_MAC | FLOW_EXCHANGES_MACS)) bpf_skb_store_bytes(context, 0, to.destination_mac, 2 * ETH_ALEN, 0);
  if (sets & (FLOW_SETS_HEADER | FLOW_SETS_ADDRESS)) {
    if (packet->key.ether_type == bpf_htons(ETH_P_IP)) replace_ipv4(context, packet->network, &packet->key, &to);
    if (packet->key.ether_type == bpf_htons(ETH_P_IPV6)) replace_ipv6(context, packet->network, &packet->key, &to);
  }
  if ((sets & (FLOW_SETS_ADDRESS | FLOW_SETS_PORTS)) && packet->transport) replace_transport(context, packet->transport, &packet->key, &to);
  const int tags = action->pops || action->pushes || (sets & FLOW_SETS_TAG);
  if (tags && change_tags(context, action)) return FLOW_LOST;
  return bpf_redirect(ifindex, 0) == TC_ACT_REDIRECT ? 0 : FLOW_LOST;
}

#endif  // BPF_FLOW_ACTIONS_TC_BPF_H_
