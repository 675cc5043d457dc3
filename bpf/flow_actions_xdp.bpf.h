// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a flow does to its packets at XDP: bytes are rewritten in place, and the frame is redirected by DEVMAP.
#ifndef BPF_FLOW_ACTIONS_XDP_BPF_H_
#define BPF_FLOW_ACTIONS_XDP_BPF_H_

#include "bpf/flow_actions.bpf.h"
#include "bpf/flow_parsing_plain.bpf.h"

enum {
  FLOW_VERDICT_DROP = XDP_DROP,
  FLOW_VERDICT_SENT = XDP_REDIRECT,
  // Ethernet with three {type, control} pairs behind the addresses: what rewrite_ethernet touches at most.
  FLOW_SMALLEST_REWRITTEN = 24,
  FLOW_LOST = FLOW_COUNTERS,  // of send_by_flow: changed, and cannot be sent; not at XDP
};

// 0, or the flow_counter that says why the packet goes up.
static __always_inline int read_packet(struct xdp_md* context, struct flow_packet* packet, const volatile struct flow_options* options) {
  return parse_plain(context, packet, options->unfinished) ? 0 : parse_flow(context, packet, options->unfinished);
}

// Frames that the packet is on a wire, and their bytes.
static __always_inline void measure_frames(const struct flow_packet* packet, __u64* frames, __u64* bytes) {
  *frames = 1;
  *bytes = packet->length;
}

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, FLOW_MAXIMUM_PORTS);
  __type(key, __u32);
  __type(value, __u32);
} flow_outputs SEC(".maps");

// The sum that a checksum moves by when `from` becomes `to` (RFC 1624).
static __always_inline __u64 moved(__u32 from, __u32 to) {
  return (__u64)(__u32)~from + to;
}

static __always_inline __u16 move_checksum(__u16 checksum, __u64 sum) {
  return ~fold_sum((__u16)~checksum + sum);
}

static __always_inline __u64 moved_addresses(const struct flow_key* from, const struct flow_key* to) {
  __u64 sum = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) sum += moved(from->source[i], to->source[i]) + moved(from->destination[i], to->destination[i]);
  return sum;
}

static __always_inline void rewrite_ipv4(struct iphdr* ip, const struct flow_key* from, const struct flow_key* to) {
  __u64 sum = moved(from->source[0], to->source[0]) + moved(from->destination[0], to->destination[0]);
  sum += moved(bpf_htons(from->type_of_service), bpf_htons(to->type_of_service));
  sum += moved(bpf_htons(from->time_to_live << 8), bpf_htons(to->time_to_live << 8));
  ip->tos = to->type_of_service;
  ip->ttl = to->time_to_live;
  ip->saddr = to->source[0];
  ip->daddr = to->destination[0];
  ip->check = move_checksum(ip->check, sum);
}

static __always_inline void rewrite_ipv6(struct ipv6hdr* ip, const struct flow_key* to) {
  ip->priority = to->type_of_service >> 4;
  ip->flow_lbl[0] = (ip->flow_lbl[0] & 0xf) | to->type_of_service << 4;
  ip->hop_limit = to->time_to_live;
  __builtin_memcpy(&ip->saddr, to->source, sizeof(to->source));
  __builtin_memcpy(&ip->daddr, to->destination, sizeof(to->destination));
}

// Ports, and the checksum that covers them and the addresses. Returns 0 where the verifier is not sure of the bounds.
static __always_inline int rewrite_transport(void* transport, void* end, const struct flow_packet* packet, const struct flow_key* to) {
  const struct flow_key* from = &packet->key;
  const int ipv6 = from->ether_type == bpf_htons(ETH_P_IPV6);
  __u64 sum = moved_addresses(from, to);
  if (from->protocol == IPPROTO_ICMPV6 && ipv6) {
    __be16* icmp = transport;
    if ((void*)(icmp + 2) > end) return 0;
    icmp[1] = move_checksum(icmp[1], sum);
    return 1;
  }
  if (from->protocol != IPPROTO_TCP && from->protocol != IPPROTO_UDP) return 1;
  __be16* ports = transport;
  if ((void*)(ports + 4) > end) return 0;
  ports[0] = to->source_port;
  ports[1] = to->destination_port;
  sum += moved(from->source_port, to->source_port) + moved(from->destination_port, to->destination_port);
  if (from->protocol == IPPROTO_UDP) {
    if (ports[3] == 0) return 1;  // no checksum
    const __u16 checksum = move_checksum(ports[3], sum);
    ports[3] = checksum ? checksum : 0xffff;
    return 1;
  }
  struct tcphdr* tcp = transport;
  if ((void*)(tcp + 1) > end) return 0;
  tcp->check = move_checksum(tcp->check, sum);
  return 1;
}

static __always_inline int rewrite_network(void* data, void* end, const struct flow_packet* packet, const struct flow_key* to, int shift) {
  void* network = data + ((packet->network + shift) & 0x3f);
  if (packet->key.ether_type == bpf_htons(ETH_P_IP)) {
    if (network + sizeof(struct iphdr) > end) return 0;
    rewrite_ipv4(network, &packet->key, to);
  } else if (packet->key.ether_type == bpf_htons(ETH_P_IPV6)) {
    if (network + sizeof(struct ipv6hdr) > end) return 0;
    rewrite_ipv6(network, to);
  }
  if (!packet->transport) return 1;
  return rewrite_transport(data + ((packet->transport + shift) & 0x7fff), end, packet, to);
}

struct ether_addresses {
  __u8 destination[ETH_ALEN];
  __u8 source[ETH_ALEN];
};

static __always_inline int rewrite_ethernet(void* data, void* end, const struct flow_action* action, const struct flow_key* to) {
  struct ether_addresses* addresses = data;
  struct vlan_tag* tags = data + sizeof(*addresses);  // its EtherType first, here: {type, control}
  if ((void*)(tags + 3) > end) return 0;
  __builtin_memcpy(addresses->destination, to->destination_mac, ETH_ALEN);
  __builtin_memcpy(addresses->source, to->source_mac, ETH_ALEN);
  __be16* words = (__be16*)tags;
  const int pushes = action->pushes;
  if (pushes > 0) {
    words[0] = action->push_type[0];
    words[1] = action->push_tag[0];
  }
  if (pushes > 1) {
    words[2] = action->push_type[1];
    words[3] = action->push_tag[1];
  }
  if (!(action->sets & FLOW_SETS_TAG)) return 1;
  const __be16 value = action->tag_value, mask = action->tag_mask;
  if (pushes == 0) words[1] = (words[1] & ~mask) | value;
  if (pushes == 1) words[3] = (words[3] & ~mask) | value;
  if (pushes == 2) words[5] = (words[5] & ~mask) | value;
  return 1;
}

// 0, or the flow_counter that says why the packet goes up. It leaves longer by `shift` than it came.
static __always_inline int redirect_to_output(const struct flow_packet* packet, __u32 output, int shift) {
  const struct flow_port* port = bpf_map_lookup_elem(&flow_ports, &output);
  const __u32 maximum_length = port ? *(volatile __u32*)&port->maximum_length : 0;
  if (maximum_length == 0) return FLOW_COUNT_NOT_READY;
  if (packet->length + shift > maximum_length) return FLOW_COUNT_TOO_LONG;
  // An entry that is taken out now stays valid until this packet is on its way. Who goes up all the same is redirected anew.
  return bpf_redirect_map(&flow_outputs, output, 0) == XDP_REDIRECT ? 0 : FLOW_COUNT_NOT_READY;
}

static __always_inline int send_as_it_is(struct xdp_md* context, const struct flow_packet* packet, __u32 output) {
  (void)context;
  return redirect_to_output(packet, output, 0);
}

// A global function, as parse_flow: 0, or the flow_counter that says why the packet, as it came, goes up.
__attribute__((noinline)) int send_by_flow(struct xdp_md* context, const struct flow_packet* packet, const struct flow_action* action) {
  if (!packet || !action) return FLOW_COUNT_MISS;
  const int shift = 4 * ((int)action->pushes - (int)action->pops);
  const int reason = redirect_to_output(packet, action->output, shift);
  if (reason) return reason;
  const int sets = action->sets;
  if ((sets & FLOW_SETS_ADDRESS) && !can_change_addresses(packet)) return FLOW_COUNT_CHECKSUM;
  if ((sets & FLOW_SETS_PORTS) && !packet->transport) return FLOW_COUNT_HEADERS;
  if (packet->length + shift < FLOW_SMALLEST_REWRITTEN) return FLOW_COUNT_TRUNCATED;
  // Only pushing can fail, for want of room.
  if (shift != 0 && bpf_xdp_adjust_head(context, -shift) != 0) return FLOW_COUNT_NO_ROOM;
  struct flow_key to;
  set_fields(&to, packet, action);
  void* data = (void*)(long)context->data;
  void* end = (void*)(long)context->data_end;
  if (!rewrite_ethernet(data, end, action, &to)) return FLOW_COUNT_HEADERS;
  if (!(sets & (FLOW_SETS_HEADER | FLOW_SETS_ADDRESS | FLOW_SETS_PORTS))) return 0;
  return rewrite_network(data, end, packet, &to, shift) ? 0 : FLOW_COUNT_HEADERS;
}

#endif  // BPF_FLOW_ACTIONS_XDP_BPF_H_
