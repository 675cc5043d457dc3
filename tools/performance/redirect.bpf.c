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
int kernel_redirect(struct xdp_md *context) { return bpf_redirect_map(&out_device, 0, 0); }

// veth takes frames from a redirect only while its other end runs an XDP program: this one is for ends that want no other.
SEC("xdp")
int kernel_pass(struct xdp_md *context) { return XDP_PASS; }

char _license[] SEC("license") = "Dual BSD/GPL";
