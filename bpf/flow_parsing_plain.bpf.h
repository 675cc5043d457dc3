// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The commonest packets, parsed at one stroke: untagged IPv4 without options, no fragment, with TCP or UDP. Their headers are where they
// always are, so that one look at the length does. The key is the one that parse_flow makes, which decides on all other packets.
#ifndef BPF_FLOW_PARSING_PLAIN_BPF_H_
#define BPF_FLOW_PARSING_PLAIN_BPF_H_

#include "bpf/flow_parsing.bpf.h"

// Where things are in such a packet.
enum {
  PLAIN_SOURCE_MAC_END = 8,
  PLAIN_ETHER_TYPE = 12,
  PLAIN_NETWORK = 14,
  PLAIN_TYPE_OF_SERVICE = 15,
  PLAIN_TOTAL_LENGTH = 16,
  PLAIN_FRAGMENT = 20,
  PLAIN_TIME_TO_LIVE = 22,
  PLAIN_PROTOCOL = 23,
  PLAIN_SOURCE = 26,
  PLAIN_DESTINATION = 30,
  PLAIN_TRANSPORT = 34,
  PLAIN_DESTINATION_PORT = 36,
  PLAIN_UDP_LENGTH = 38,
  PLAIN_UDP_CHECKSUM = 40,
  PLAIN_TCP_FLAGS = 46,  // behind the header's length
  PLAIN_TCP_CHECKSUM = 50,
  PLAIN_HEADERS = 54,  // with TCP; a shorter packet with UDP is parse_flow's
};

static __always_inline __u16 load_16(const __u8* at) {
  return *(const __u16*)at;
}
static __always_inline __u32 load_32(const __u8* at) {
  return *(const __u32*)at;
}

// Whether it is such a packet, and nothing is wrong with it; then `packet` is as parse_flow makes it, else it is for parse_flow to say.
static __always_inline int parse_plain(struct xdp_md* context, struct flow_packet* packet, int unfinished) {
  const __u8* data = (void*)(long)context->data;
  const __u8* end = (void*)(long)context->data_end;
  if (data + PLAIN_HEADERS > end) return 0;
  const __u8 protocol = data[PLAIN_PROTOCOL];
  if (load_16(data + PLAIN_ETHER_TYPE) != bpf_htons(ETH_P_IP) || data[PLAIN_NETWORK] != 0x45 ||
      (load_16(data + PLAIN_FRAGMENT) & bpf_htons(0x3fff)))
    return 0;
  const __u32 length = end - data, total_length = bpf_ntohs(load_16(data + PLAIN_TOTAL_LENGTH));
  const __u32 network_header = PLAIN_TRANSPORT - PLAIN_NETWORK;
  if (PLAIN_NETWORK + total_length > length) return 0;
  __u32 covered, tcp_flags = 0;  // `covered`: by the checksum
  if (protocol == PROTOCOL_UDP) {
    covered = bpf_ntohs(load_16(data + PLAIN_UDP_LENGTH));
    if (covered < sizeof(struct udphdr) || network_header + covered > total_length) return 0;
    packet->checksum = load_16(data + PLAIN_UDP_CHECKSUM);
    packet->payload = PLAIN_TRANSPORT + sizeof(struct udphdr);
    if (unfinished && is_tunnel_port(load_16(data + PLAIN_DESTINATION_PORT))) return 0;
  } else if (protocol == PROTOCOL_TCP) {
    const __u32 header = (data[PLAIN_TCP_FLAGS] >> 4) * 4;
    if (header < sizeof(struct tcphdr) || network_header + header > total_length) return 0;
    covered = total_length - network_header;
    tcp_flags = load_16(data + PLAIN_TCP_FLAGS) & bpf_htons(0xfff);
    packet->checksum = load_16(data + PLAIN_TCP_CHECKSUM);
    packet->payload = PLAIN_TRANSPORT + header;
  } else {
    return 0;
  }
  struct flow_key* key = &packet->key;
  key->words[5] = load_32(data + PLAIN_SOURCE);
  key->words[7] = load_32(data + PLAIN_DESTINATION);
  if (unfinished && (protocol == PROTOCOL_TCP || packet->checksum) && is_unfinished(packet, protocol, covered)) return 0;
  key->words[1] = *(const __u64*)data;
  key->words[2] = join_halves(load_32(data + PLAIN_SOURCE_MAC_END), bpf_htons(ETH_P_IP));
  key->words[3] = join_halves(0, join_quarters(0, protocol | data[PLAIN_TYPE_OF_SERVICE] << 8));
  key->words[4] = join_halves(join_quarters(data[PLAIN_TIME_TO_LIVE], tcp_flags), load_32(data + PLAIN_TRANSPORT));
  packet->length = length;
  packet->network = PLAIN_NETWORK;
  packet->transport = PLAIN_TRANSPORT;
  return 1;
}

#endif  // BPF_FLOW_PARSING_PLAIN_BPF_H_
