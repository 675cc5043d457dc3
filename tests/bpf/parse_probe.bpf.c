// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Shows what the steering program reads of a packet: for parsing_fuzz.
#include "bpf/parsing.bpf.h"

struct packet_facts parsed;

SEC("xdp")
int parse_probe(struct xdp_md* context) {
  struct packet_facts facts = {};
  parse_packet(context, &facts);
  parsed = facts;
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
