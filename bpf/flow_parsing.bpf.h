// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A packet's flow key, or why there is none. Where a packet contradicts itself (a header that is not whole, a length that reaches
// beyond the frame) there is no key: what a rule would make of it is for the PMD to say.
#ifndef BPF_FLOW_PARSING_BPF_H_
#define BPF_FLOW_PARSING_BPF_H_

#include <linux/in.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "bpf/flow_shared.h"
#include "bpf/parsing.bpf.h"

// The programs at TC define it, and FLOW_AT_TC, before they include this.
#ifndef FLOW_CONTEXT
#define FLOW_CONTEXT struct xdp_md
#endif

enum {
  PROTOCOL_ICMP = 1,
  PROTOCOL_IPV4 = 4,
  PROTOCOL_IPV6 = 41,
  PROTOCOL_AUTHENTICATION = 51,
  PROTOCOL_ICMPV6 = 58,
  PROTOCOL_SCTP = 132,
  PROTOCOL_MOBILITY = 135,
  PROTOCOL_HOST_IDENTITY = 139,
  PROTOCOL_SHIM6 = 140,
};

enum { SMALLEST_ETHER_TYPE = 0x600 };  // below: 802.3, a length

struct flow_packet {
  struct flow_key key;
  __u32 length;          // of the frame; of joined segments, of all that they are
  __u16 network;         // where the IP header starts
  __u16 transport;       // and the transport header; 0: there is none that was looked at
  __u16 checksum;        // the transport header's, as it stands there
  __u8 other_addresses;  // options or a routing header: the pseudo header may have others than the IP header
  __u8 tags;
  __u8 tags_beside;  // 1 at TC, where the kernel keeps the outer tag beside the bytes
  __u8 reserved;
  __u16 payload;  // where that of TCP or UDP starts; 0: there is none
  __u32 paged;    // at TC: bytes that are not with the headers
  __u32 segment;  // at TC: payload bytes of each of the segments that are joined; 0: it is one frame
};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words of a key are put together as little-endian machines have them"
#endif

// What a key has between the MAC addresses and the IP addresses, until it is whole: a word that is stored in parts makes who loads it at
// once wait for the stores.
struct flow_fields {
  __u32 source_mac_end;
  __u16 ether_type;
  __u16 tag_type[2];
  __u16 tag[2];
  __u8 protocol;
  __u8 type_of_service;
  __u8 time_to_live;
  __u8 fragment;
  __u16 tcp_flags;
  __u16 source_port;
  __u16 destination_port;
};

static __always_inline __u64 join_halves(__u32 low, __u32 high) {
  return low | (__u64)high << 32;
}

static __always_inline __u32 join_quarters(__u16 low, __u16 high) {
  return low | (__u32)high << 16;
}

static __always_inline void write_fields(struct flow_key* key, const struct flow_fields* fields) {
  key->words[2] = join_halves(fields->source_mac_end, join_quarters(fields->ether_type, fields->tag_type[0]));
  key->words[3] = join_halves(join_quarters(fields->tag_type[1], fields->tag[0]),
                              join_quarters(fields->tag[1], fields->protocol | fields->type_of_service << 8));
  key->words[4] = join_halves(join_quarters(fields->time_to_live | fields->fragment << 8, fields->tcp_flags),
                              join_quarters(fields->source_port, fields->destination_port));
}

// Whether the IP packet is longer, by its own account, than what is there.
static __always_inline int is_cut(const struct cursor* cursor, const struct flow_packet* packet) {
#ifdef FLOW_AT_TC
  __u64 rest = cursor->end - cursor->position;
  asm volatile("" : "+r"(rest));  // a number from here on: the verifier lets nothing be added to the end of a packet
  return cursor->room > rest + packet->paged;
#else
  (void)packet;
  __u64 room = cursor->room;
  asm volatile("" : "+r"(room));  // Linux 6.1 knows no bound of a number that was swapped and kept on the stack: 16 bits
  return cursor->position + (room & 0xffff) > cursor->end;
#endif
}

struct arp_packet {
  __be16 hardware_type;
  __be16 protocol_type;
  __u8 hardware_length;
  __u8 protocol_length;
  __be16 operation;
  __u8 sender_hardware[ETH_ALEN];
  __u8 sender[4];
  __u8 target_hardware[ETH_ALEN];
  __u8 target[4];
} __attribute__((packed));

// The functions below return 0, or the enum flow_counter that says why not.

static __always_inline int parse_flow_ethernet(struct cursor* cursor, struct flow_packet* packet, struct flow_fields* fields) {
  struct ethhdr* ethernet = take(cursor, sizeof(*ethernet));
  if (!ethernet) return FLOW_COUNT_TRUNCATED;
  packet->key.words[1] = *(const __u64*)ethernet;
  fields->source_mac_end = *(const __u32*)((const __u8*)ethernet + 8);
  __be16 ether_type = *(const __u16*)((const __u8*)ethernet + 12);
#pragma unroll
  for (int i = 0; i < MAXIMUM_VLAN_TAGS; ++i) {
    if (i < packet->tags_beside) continue;
    if (!is_vlan_tag(bpf_ntohs(ether_type))) break;
    struct vlan_tag* tag = take(cursor, sizeof(*tag));
    if (!tag) return FLOW_COUNT_TRUNCATED;
    fields->tag_type[i] = ether_type;
    fields->tag[i] = tag->control | bpf_htons(FLOW_TAG_PRESENT);
    packet->tags = i + 1;
    ether_type = tag->ether_type;
  }
  fields->ether_type = ether_type;
  __u16 type = bpf_ntohs(ether_type);
  return is_vlan_tag(type) || type < SMALLEST_ETHER_TYPE ? FLOW_COUNT_HEADERS : 0;
}

static __always_inline __u64 load_hardware_address(const __u8* address) {
  return join_halves(*(const __u32*)address, *(const __u16*)(address + 4));
}

static __always_inline int parse_flow_arp(struct cursor* cursor, struct flow_packet* packet, struct flow_fields* fields) {
  struct arp_packet* arp = take(cursor, sizeof(*arp));
  if (!arp) return FLOW_COUNT_TRUNCATED;
  if (arp->hardware_type != bpf_htons(1) || arp->protocol_type != bpf_htons(ETH_P_IP) || arp->hardware_length != ETH_ALEN ||
      arp->protocol_length != 4 || (arp->operation & bpf_htons(0xff00)))
    return FLOW_COUNT_HEADERS;
  fields->protocol = bpf_ntohs(arp->operation);
  packet->key.words[5] = *(const __u32*)arp->sender;
  packet->key.words[6] = load_hardware_address(arp->sender_hardware);
  packet->key.words[7] = *(const __u32*)arp->target;
  packet->key.words[8] = load_hardware_address(arp->target_hardware);
  return 0;
}

// 1: a transport header follows; 0: none does; negative: -flow_counter.
static __always_inline int parse_flow_ipv4(struct cursor* cursor, struct flow_packet* packet, struct flow_fields* fields) {
  struct iphdr* ip = take(cursor, sizeof(*ip));
  if (!ip) return -FLOW_COUNT_TRUNCATED;
  if (ip->version != 4 || ip->ihl < 5) return -FLOW_COUNT_HEADERS;
  packet->key.words[5] = ip->saddr;
  packet->key.words[7] = ip->daddr;
  fields->protocol = ip->protocol;
  fields->type_of_service = ip->tos;
  fields->time_to_live = ip->ttl;
  __u16 fragment = bpf_ntohs(ip->frag_off);
  if (fragment & 0x3fff) fields->fragment = fragment & 0x1fff ? FLOW_FRAGMENT | FLOW_FRAGMENT_LATER : FLOW_FRAGMENT;
  __u32 options = (ip->ihl * 4 - sizeof(*ip)) & 63;
  __u32 total_length = bpf_ntohs(ip->tot_len);
  if (total_length < sizeof(*ip) + options) return -FLOW_COUNT_HEADERS;
  cursor->room = total_length - sizeof(*ip);
  if (is_cut(cursor, packet)) return -FLOW_COUNT_TRUNCATED;
  packet->other_addresses = options != 0;
  if (!take(cursor, options)) return -FLOW_COUNT_TRUNCATED;
  return (fragment & 0x1fff) == 0;
}

// Extension headers whose successor is not simply the next one, or whose meaning reaches further.
static __always_inline int is_other_extension(__u8 next) {
  return next == PROTOCOL_AUTHENTICATION || next == PROTOCOL_MOBILITY || next == PROTOCOL_HOST_IDENTITY || next == PROTOCOL_SHIM6;
}

static __always_inline int parse_flow_ipv6(struct cursor* cursor, struct flow_packet* packet, struct flow_fields* fields) {
  struct ipv6hdr* ip = take(cursor, sizeof(*ip));
  if (!ip) return -FLOW_COUNT_TRUNCATED;
  if (ip->version != 6) return -FLOW_COUNT_HEADERS;
  const __u64* addresses = (const __u64*)&ip->saddr;
#pragma unroll
  for (int i = 0; i < 4; ++i) packet->key.words[5 + i] = addresses[i];
  fields->type_of_service = ip->priority << 4 | ip->flow_lbl[0] >> 4;
  fields->time_to_live = ip->hop_limit;
  cursor->room = bpf_ntohs(ip->payload_len);
  if (is_cut(cursor, packet)) return -FLOW_COUNT_TRUNCATED;
  __u8 next = ip->nexthdr;
  for (int i = 0; i <= MAXIMUM_EXTENSION_HEADERS;) {
    if (next != PROTOCOL_HOP_BY_HOP && next != PROTOCOL_ROUTING && next != PROTOCOL_DESTINATION_OPTIONS && next != PROTOCOL_FRAGMENT) {
      fields->protocol = next;
      return is_other_extension(next) ? -FLOW_COUNT_HEADERS : 1;
    }
    if (i == MAXIMUM_EXTENSION_HEADERS) return -FLOW_COUNT_HEADERS;
    __u8* extension = take(cursor, 8);  // the shortest there is
    if (!extension) return -FLOW_COUNT_TRUNCATED;
    __u8 kind = next;
    __u32 rest = extension[1];
    next = extension[0];
    // A home address stands in destination options, a final destination in a routing header.
    if (kind == PROTOCOL_ROUTING || kind == PROTOCOL_DESTINATION_OPTIONS) packet->other_addresses = 1;
    if (kind == PROTOCOL_FRAGMENT) {
      __u16 offset_and_more = extension[2] << 8 | extension[3];
      if (offset_and_more & 6) return -FLOW_COUNT_HEADERS;  // reserved: to some it is a fragment then
      if (offset_and_more & 0xfff9) fields->fragment = FLOW_FRAGMENT;
      if (offset_and_more & 0xfff8) {
        fields->fragment = FLOW_FRAGMENT | FLOW_FRAGMENT_LATER;
        fields->protocol = next;
        return 0;
      }
      rest = 0;
    }
    if (!take(cursor, rest * 8)) return -FLOW_COUNT_TRUNCATED;
    ++i;
    // A jump for the verifier of Linux 6.1: parsing.bpf.h.
    asm volatile("goto +0" : "+r"(i), "+r"(next));
  }
  return -FLOW_COUNT_HEADERS;
}

static __always_inline __u32 fold_sum(__u64 sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16);
}

// Whether the field holds the sum of the pseudo header: its sender left the rest to a device.
static __always_inline int is_unfinished(const struct flow_packet* packet, __u8 protocol, __u32 length) {
  __u64 sum = bpf_htons(protocol) + (__u32)bpf_htons(length);
#pragma unroll
  for (int i = 5; i < FLOW_KEY_WORDS; ++i) sum += (__u32)packet->key.words[i] + (packet->key.words[i] >> 32);
  return fold_sum(sum) == packet->checksum;
}

static __always_inline int is_tunnel_port(__be16 port) {
  return port == bpf_htons(4789) || port == bpf_htons(8472) || port == bpf_htons(6081);
}

// `unfinished`: checksums may be.
static __always_inline int parse_flow_transport(struct cursor* cursor, struct flow_packet* packet, struct flow_fields* fields, __u32 start,
                                                int unfinished) {
  const __u32 length = cursor->room;
  const int whole = fields->fragment == 0;
  packet->transport = start;
  if (fields->protocol == PROTOCOL_TCP) {
    struct tcphdr* tcp = take(cursor, sizeof(*tcp));
    if (!tcp) return FLOW_COUNT_TRUNCATED;
    if (tcp->doff < 5 || (__u32)tcp->doff * 4 > length) return FLOW_COUNT_HEADERS;
    fields->source_port = tcp->source;
    fields->destination_port = tcp->dest;
    fields->tcp_flags = *((__be16*)tcp + 6) & bpf_htons(0xfff);
    packet->checksum = tcp->check;
    packet->payload = start + tcp->doff * 4;
    return unfinished && whole && is_unfinished(packet, PROTOCOL_TCP, length) ? FLOW_COUNT_CHECKSUM : 0;
  }
  if (fields->protocol == PROTOCOL_UDP) {
    struct udphdr* udp = take(cursor, sizeof(*udp));
    if (!udp) return FLOW_COUNT_TRUNCATED;
    const __u32 udp_length = bpf_ntohs(udp->len);
    if (udp_length < sizeof(*udp) || (whole && udp_length > length)) return FLOW_COUNT_HEADERS;
    fields->source_port = udp->source;
    fields->destination_port = udp->dest;
    packet->checksum = udp->check;
    packet->payload = start + sizeof(*udp);
    if (!unfinished) return 0;
    if (is_tunnel_port(udp->dest)) return FLOW_COUNT_CHECKSUM;  // what it carries may be unfinished too
    return whole && packet->checksum && is_unfinished(packet, PROTOCOL_UDP, udp_length) ? FLOW_COUNT_CHECKSUM : 0;
  }
  if (fields->protocol == PROTOCOL_SCTP) {
    __be16* sctp = take(cursor, 12);
    if (!sctp) return FLOW_COUNT_TRUNCATED;
    fields->source_port = sctp[0];
    fields->destination_port = sctp[1];
    // A stack that leaves it to a device leaves 0.
    return unfinished && sctp[4] == 0 && sctp[5] == 0 ? FLOW_COUNT_CHECKSUM : 0;
  }
  const int ipv6 = fields->ether_type == bpf_htons(ETH_P_IPV6);
  if (fields->protocol == (ipv6 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP)) {
    __u8* icmp = take(cursor, 8);
    if (!icmp) return FLOW_COUNT_TRUNCATED;
    fields->source_port = bpf_htons(icmp[0]);
    fields->destination_port = bpf_htons(icmp[1]);
    packet->checksum = *((__be16*)icmp + 1);
    return 0;
  }
  packet->transport = 0;
  return unfinished && (fields->protocol == PROTOCOL_IPV4 || fields->protocol == PROTOCOL_IPV6) ? FLOW_COUNT_CHECKSUM : 0;
}

#ifdef FLOW_AT_TC
static __always_inline void measure(const struct __sk_buff* context, struct flow_packet* packet, struct flow_fields* fields,
                                    __u32 in_front) {
  packet->paged = context->len > in_front ? context->len - in_front : 0;
  packet->length = context->len;
  packet->segment = context->gso_size;
  if (!context->vlan_present) return;
  packet->tags = packet->tags_beside = 1;
  packet->length += sizeof(struct vlan_tag);
  fields->tag_type[0] = context->vlan_proto;
  fields->tag[0] = bpf_htons(context->vlan_tci | FLOW_TAG_PRESENT);
}
#endif

static __always_inline int parse_flow_network(struct cursor* cursor, struct flow_packet* packet, struct flow_fields* fields,
                                              const void* data, int unfinished) {
  int transport = 0;
  if (fields->ether_type == bpf_htons(ETH_P_ARP)) return parse_flow_arp(cursor, packet, fields);
  if (fields->ether_type == bpf_htons(ETH_P_IP)) transport = parse_flow_ipv4(cursor, packet, fields);
  if (fields->ether_type == bpf_htons(ETH_P_IPV6)) transport = parse_flow_ipv6(cursor, packet, fields);
  if (transport <= 0) return -transport;
  return parse_flow_transport(cursor, packet, fields, cursor->position - data, unfinished);
}

// A global function: the verifier checks it once, by itself. `packet` is all 0, or as parse_plain has left it. Where 0 is returned the key
// is whole, but for the port.
__attribute__((noinline)) int parse_flow(FLOW_CONTEXT* context, struct flow_packet* packet, int unfinished) {
  if (!packet) return FLOW_COUNT_TRUNCATED;
  void* data = (void*)(long)context->data;
  void* end = (void*)(long)context->data_end;
  struct cursor cursor = {data, end, ~0u};
  struct flow_fields fields = {};
#ifdef FLOW_AT_TC
  measure(context, packet, &fields, end - data);
#else
  packet->length = end - data;
#endif
  int reason = parse_flow_ethernet(&cursor, packet, &fields);
  if (reason) return reason;
  packet->network = sizeof(struct ethhdr) + (packet->tags - packet->tags_beside) * sizeof(struct vlan_tag);
  reason = parse_flow_network(&cursor, packet, &fields, data, unfinished);
  if (reason) return reason;
  write_fields(&packet->key, &fields);
  return 0;
}

#endif  // BPF_FLOW_PARSING_BPF_H_
