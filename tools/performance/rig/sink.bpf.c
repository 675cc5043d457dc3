// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The traffic sink: counts every frame and drops it. It runs on the forwarder's CPU, as part of its transmit, so that it does as
// little as it can; what costs more is asked for before load.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "tools/performance/rig/latency_bucket.bpf.h"
#include "tools/performance/rig/traffic_format.h"

// Set before load.
const volatile __u8 inspect = 0;  // look at magic, order and time

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct sink_counters);
} counters SEC(".maps");

// The sequence number that each flow must reach next. Two CPUs may deliver the same flow only by turns, as veth's queues do.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, TRAFFIC_MAXIMUM_FLOWS);
  __type(key, __u32);
  __type(value, __u64);
} next_sequence SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, TRAFFIC_LATENCY_BUCKETS);
  __type(key, __u32);
  __type(value, __u64);
} latency SEC(".maps");

#define LOAD(type, offset) (*(type*)(data + (offset)))

// What becomes of the frame.
static __always_inline int look_inside(void* data, void* data_end, struct sink_counters* sum) {
  if (data + TRAFFIC_HEADER_BYTES > data_end || LOAD(__u32, TRAFFIC_MAGIC_OFFSET) != TRAFFIC_MAGIC) {
    sum->foreign++;
    return XDP_DROP;
  }
  // The flow is the address's lower half: 198.18.0.0 plus the flow's number, which a forwarder leaves alone.
  __u32 flow = LOAD(__u8, TRAFFIC_SOURCE_ADDRESS_OFFSET + 2) << 8 | LOAD(__u8, TRAFFIC_SOURCE_ADDRESS_OFFSET + 3);
  __u64 sequence = LOAD(__u64, TRAFFIC_SEQUENCE_OFFSET);
  __u64* next = bpf_map_lookup_elem(&next_sequence, &flow);
  if (next) {
    if (sequence < *next) {
      sum->reordered++;
    } else {
      *next = sequence + 1;
    }
  }
  __u64 sent_ns = LOAD(__u64, TRAFFIC_TIME_OFFSET);
  if (!sent_ns) return XDP_DROP;
  __u32 bucket = latency_bucket(bpf_ktime_get_ns() - sent_ns);
  __u64* count = bpf_map_lookup_elem(&latency, &bucket);
  if (count) (*count)++;
  return sequence % TRAFFIC_FRAMES_A_RETURN == 0 ? XDP_TX : XDP_DROP;
}

SEC("xdp")
int traffic_sink(struct xdp_md* context) {
  void* data = (void*)(long)context->data;
  void* data_end = (void*)(long)context->data_end;
  __u32 zero = 0;
  struct sink_counters* sum = bpf_map_lookup_elem(&counters, &zero);
  if (!sum) return XDP_DROP;
  sum->packets++;
  sum->bytes += data_end - data;
  return inspect ? look_inside(data, data_end, sum) : XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
