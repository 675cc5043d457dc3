// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The bucket of a duration, as histogram.h computes it in user space.
#ifndef TOOLS_PERFORMANCE_RIG_LATENCY_BUCKET_BPF_H_
#define TOOLS_PERFORMANCE_RIG_LATENCY_BUCKET_BPF_H_

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tools/performance/rig/traffic_format.h"

static __always_inline __u32 latency_bucket(__u64 value) {
  if (value < TRAFFIC_LATENCY_STEPS) return value;
  __u32 exponent = 0;
  __u64 rest = value;
  if (rest >> 32) exponent += 32, rest >>= 32;
  if (rest >> 16) exponent += 16, rest >>= 16;
  if (rest >> 8) exponent += 8, rest >>= 8;
  if (rest >> 4) exponent += 4, rest >>= 4;
  if (rest >> 2) exponent += 2, rest >>= 2;
  if (rest >> 1) exponent += 1;
  __u32 shift = exponent - TRAFFIC_LATENCY_STEP_BITS;
  return (shift + 1) * TRAFFIC_LATENCY_STEPS + ((value >> shift) & (TRAFFIC_LATENCY_STEPS - 1));
}

#endif  // TOOLS_PERFORMANCE_RIG_LATENCY_BUCKET_BPF_H_
