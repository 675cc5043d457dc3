// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass_everything(struct xdp_md* context) {
  return context ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
