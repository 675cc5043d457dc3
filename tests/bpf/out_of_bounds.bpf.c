// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Reads the packet without asking how long it is: the verifier must refuse it.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int out_of_bounds(struct xdp_md* context) {
  return bpf_redirect_map(&xsks_map, *(__u8*)(long)context->data, XDP_PASS);
}

char LICENSE[] SEC("license") = "GPL";
