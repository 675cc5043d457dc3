// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A user's own program. With OTHER_CODE it has the same name and map, and other instructions.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, 8);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

SEC("xdp")
int custom_redirect(struct xdp_md* context) {
#ifdef OTHER_CODE
  if ((void*)(long)context->data + 100 < (void*)(long)context->data_end) return XDP_DROP;
#endif
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

char LICENSE[] SEC("license") = "GPL";
