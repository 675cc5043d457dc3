// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A port with flows: of the packets that the steering rules leave to us, if there are rules, those that a flow matches are dealt with
// here; the others go to the socket of their receive queue. docs/flows.md.
#include "bpf/flow_table.bpf.h"
#include "bpf/rx_metadata.bpf.h"
#include "bpf/steering.bpf.h"
#include "bpf/vlan_tag.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, POLLUX_MAXIMUM_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

const volatile struct flow_options flow_options SEC(".rodata.flows") = {};

static __always_inline int is_steered_to_us(struct xdp_md* context) {
  if (options.rule_count == 0) return 1;
  struct packet_facts facts = {};
  parse_packet(context, &facts);
  return is_ours(&facts);
}

static __always_inline int decide(struct xdp_md* context) {
  if (!is_steered_to_us(context)) {
    count_passed();
    return XDP_PASS;
  }
  const int verdict = forward_by_flow(context, &flow_options);
  if (verdict != FLOW_VERDICT_UP) return verdict;
  return redirect_to_socket(context, &xsks_map);
}

SEC("xdp")
int pollux_flows(struct xdp_md* context) {
  const int tagged = put_vlan_tag(context);
  const int verdict = decide(context);
  if (tagged && verdict == XDP_PASS) take_vlan_tag(context);
  return verdict;
}

char LICENSE[] SEC("license") = "GPL";
