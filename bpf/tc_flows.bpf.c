// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A port with flows at TC: packets that a flow matches are dealt with here; the others go to the companion, and by it to the PMD.
// docs/flows.md.
#include <linux/bpf.h>

#define FLOW_AT_TC
#define FLOW_CONTEXT struct __sk_buff
#include "bpf/flow_table.bpf.h"

const volatile __u32 target = 0;  // interface index of the companion
const volatile struct flow_options flow_options SEC(".rodata.flows") = {};

SEC("tc")
int pollux_tc_flows(struct __sk_buff* context) {
  const int verdict = forward_by_flow(context, &flow_options);
  return verdict == FLOW_VERDICT_UP ? bpf_redirect(target, 0) : verdict;
}

char LICENSE[] SEC("license") = "GPL";
