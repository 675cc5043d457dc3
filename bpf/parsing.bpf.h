// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a packet is, as far as it holds it: read once, before the rules are asked. A header that the packet does not hold whole
// (nor the IP packet inside it, by its own length field: the rest of a frame is padding) leaves its facts unknown.
#ifndef BPF_PARSING_BPF_H_
#define BPF_PARSING_BPF_H_

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/packet_facts.h"

enum {
  MAXIMUM_EXTENSION_HEADERS = 8,
  PROTOCOL_HOP_BY_HOP = 0,
  PROTOCOL_TCP = 6,
  PROTOCOL_UDP = 17,
  PROTOCOL_ROUTING = 43,
  PROTOCOL_FRAGMENT = 44,
  PROTOCOL_DESTINATION_OPTIONS = 60,
};

// Where the next header starts. `room`: bytes that the IP packet still has by its own account.
struct cursor {
  void* position;
  void* end;
  __u32 room;
};

// Returns the next `length` bytes and moves behind them, or a null pointer where they are not all there.
static __always_inline void* take(struct cursor* cursor, __u32 length) {
  void* header = cursor->position;
  if (length > cursor->room || header + length > cursor->end) return 0;
  cursor->position = header + length;
  cursor->room -= length;
  return header;
}

static __always_inline int is_vlan_tag(__u16 ether_type) {
  return ether_type == ETH_P_8021Q || ether_type == ETH_P_8021AD;
}

struct vlan_tag {
  __be16 control;
  __be16 ether_type;
};

static __always_inline int parse_ethernet(struct cursor* cursor, struct packet_facts* facts) {
  struct ethhdr* ethernet = take(cursor, sizeof(*ethernet));
  if (!ethernet) return 0;
  __builtin_memcpy(facts->ether_destination, ethernet->h_dest, ETH_ALEN);
  __builtin_memcpy(facts->ether_source, ethernet->h_source, ETH_ALEN);
  facts->ether_known = 1;
  __u16 ether_type = bpf_ntohs(ethernet->h_proto);
#pragma unroll
  for (int i = 0; i < MAXIMUM_VLAN_TAGS; ++i) {
    if (!is_vlan_tag(ether_type)) break;
    struct vlan_tag* tag = take(cursor, sizeof(*tag));
    if (!tag) return 0;
    facts->vlan_ids[i] = bpf_ntohs(tag->control) & 0xfff;
    facts->vlan_count = i + 1;
    ether_type = bpf_ntohs(tag->ether_type);
  }
  facts->ether_type = ether_type;
  return 1;
}

// Returns whether a transport header follows.
static __always_inline int parse_ipv4(struct cursor* cursor, struct packet_facts* facts) {
  struct iphdr* ip = take(cursor, sizeof(*ip));
  if (!ip || ip->version != 4 || ip->ihl < 5) return 0;
  facts->family = 4;
  facts->source[0] = ip->saddr;
  facts->destination[0] = ip->daddr;
  facts->protocol = ip->protocol;
  facts->protocol_known = 1;
  __u16 fragment = bpf_ntohs(ip->frag_off);
  facts->fragment = (fragment & 0x3fff) != 0;
  __u32 total_length = bpf_ntohs(ip->tot_len);
  if (total_length < sizeof(*ip)) return 0;
  cursor->room = total_length - sizeof(*ip);
  __u32 options = ip->ihl * 4 - sizeof(*ip);
  if (!take(cursor, options & 63)) return 0;
  return (fragment & 0x1fff) == 0;
}

static __always_inline int parse_ipv6(struct cursor* cursor, struct packet_facts* facts) {
  struct ipv6hdr* ip = take(cursor, sizeof(*ip));
  if (!ip || ip->version != 6) return 0;
  facts->family = 6;
  __builtin_memcpy(facts->source, &ip->saddr, sizeof(facts->source));
  __builtin_memcpy(facts->destination, &ip->daddr, sizeof(facts->destination));
  cursor->room = bpf_ntohs(ip->payload_len);
  __u8 next = ip->nexthdr;
  for (int i = 0; i <= MAXIMUM_EXTENSION_HEADERS;) {
    if (next != PROTOCOL_HOP_BY_HOP && next != PROTOCOL_ROUTING && next != PROTOCOL_DESTINATION_OPTIONS && next != PROTOCOL_FRAGMENT) {
      facts->protocol = next;
      facts->protocol_known = 1;
      return 1;
    }
    __u8* extension = take(cursor, 8);  // the shortest there is
    if (!extension) return 0;
    __u8 kind = next;
    __u32 rest = extension[1];
    next = extension[0];
    if (kind == PROTOCOL_FRAGMENT) {
      __u16 offset_and_more = extension[2] << 8 | extension[3];
      if (offset_and_more & 0xfff9) facts->fragment = 1;
      if (offset_and_more & 0xfff8) {
        facts->protocol = next;
        facts->protocol_known = 1;
        return 0;
      }
      rest = 0;
    }
    if (!take(cursor, rest * 8)) return 0;
    ++i;
    // Linux 6.1 takes a loop for an endless one when its last instruction falls through to its first, and is no jump
    // (check_cfg); clang may lay it out so. This is a jump to what follows.
    asm volatile("goto +0" : "+r"(i), "+r"(next));
  }
  return 0;
}

static __always_inline void parse_ports(struct cursor* cursor, struct packet_facts* facts) {
  if (facts->protocol != PROTOCOL_TCP && facts->protocol != PROTOCOL_UDP) return;
  __be16* ports = take(cursor, 4);
  if (!ports) return;
  facts->source_port = bpf_ntohs(ports[0]);
  facts->destination_port = bpf_ntohs(ports[1]);
  facts->ports_known = 1;
}

// A global function: the verifier checks it once, and need not carry every path through it into the rules.
__attribute__((noinline)) int parse_packet(struct xdp_md* context, struct packet_facts* facts) {
  if (!facts) return 0;
  struct cursor cursor = {(void*)(long)context->data, (void*)(long)context->data_end, ~0u};
  if (!parse_ethernet(&cursor, facts)) return 0;
  int transport = 0;
  if (facts->ether_type == ETH_P_IP) transport = parse_ipv4(&cursor, facts);
  if (facts->ether_type == ETH_P_IPV6) transport = parse_ipv6(&cursor, facts);
  if (transport) parse_ports(&cursor, facts);
  return 0;
}

#endif  // BPF_PARSING_BPF_H_
