// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// What a VLAN interface does on top of a veth: the tag is put beside the packet. At TC egress.
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int push_vlan(struct __sk_buff* packet) {
  const int priority_and_id = 5 << 13 | 42;
  return bpf_skb_vlan_push(packet, bpf_htons(ETH_P_8021Q), priority_and_id) == 0 ? 0 : 2;  // TC_ACT_OK, TC_ACT_SHOT
}

char LICENSE[] SEC("license") = "GPL";
