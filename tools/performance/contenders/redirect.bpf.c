// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's own forwarder, as the limit to compare with: every frame goes out of the other device.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} out_device SEC(".maps");

SEC("xdp")
int kernel_redirect(struct xdp_md* context __attribute__((unused))) {
  return bpf_redirect_map(&out_device, 0, 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
