// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every packet goes to the socket of its receive queue; where there is none, to the kernel.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/rx_metadata.bpf.h"
#include "bpf/vlan_tag.bpf.h"
#include "bpf/xdp_shared.h"

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, POLLUX_MAXIMUM_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int pollux_redirect(struct xdp_md* context) {
  const int tagged = put_vlan_tag(context);
  const int verdict = redirect_to_socket(context, &xsks_map);
  if (tagged && verdict == XDP_PASS) take_vlan_tag(context);
  return verdict;
}

char LICENSE[] SEC("license") = "GPL";
