// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Every packet that comes in here goes out of another interface, as the sk_buff it is: with what its sender left to a device.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile __u32 target = 0;  // interface index

SEC("tc")
int pollux_tc(struct __sk_buff* packet __attribute__((unused))) {
  return bpf_redirect(target, 0);
}

char LICENSE[] SEC("license") = "GPL";
