// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The packets that the rules choose go to the socket of their receive queue, the rest to the kernel. Meaning of the rules:
// docs/steering.md.
#include "bpf/steering.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, POLLUX_MAXIMUM_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int pollux_steer(struct xdp_md* context) {
  struct packet_facts facts = {};
  parse_packet(context, &facts);
  if (is_ours(&facts)) return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
  count_passed();
  return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
