// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The packets that the rules choose go to the socket of their receive queue, the rest to the kernel. Meaning of the rules:
// docs/steering.md.
#include "bpf/rx_metadata.bpf.h"
#include "bpf/steering.bpf.h"
#include "bpf/vlan_tag.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, POLLUX_MAXIMUM_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int pollux_steer(struct xdp_md* context) {
  const int tagged = put_vlan_tag(context);
  struct packet_facts facts = {};
  parse_packet(context, &facts);
  int verdict = XDP_PASS;
  if (is_ours(&facts)) {
    verdict = redirect_to_socket(context, &xsks_map);
  } else {
    count_passed();
  }
  if (tagged && verdict == XDP_PASS) take_vlan_tag(context);
  return verdict;
}

char LICENSE[] SEC("license") = "GPL";
