// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// When the first packet came to a queue whose thread was about to sleep (wake_stamps.h). Of a queue whose stamp is not armed, a packet
// costs a look into an array, which the kernel compiles into a few instructions without a call.
#ifndef BPF_WAKE_STAMP_BPF_H_
#define BPF_WAKE_STAMP_BPF_H_

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/xdp_shared.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, POLLUX_MAXIMUM_QUEUES);
  __type(key, __u32);
  __type(value, __u64);
} wake_stamps SEC(".maps");

static __always_inline void stamp_arrival(__u32 queue) {
  volatile __u64* stamp = bpf_map_lookup_elem(&wake_stamps, &queue);
  if (stamp && *stamp == WAKE_STAMP_ARMED) *stamp = bpf_ktime_get_ns();
}

#endif  // BPF_WAKE_STAMP_BPF_H_
