// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The traffic source: runs on live frames that BPF_PROG_TEST_RUN makes, numbers each, and redirects it into the target device.
// The same program must be attached natively to some interface while it runs (source.h says why); real frames of that interface
// arrive here too, and are dropped.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tools/performance/rig/latency_bucket.bpf.h"
#include "tools/performance/rig/traffic_format.h"

#define LOOPBACK_IFINDEX 1

// Set before load.
const volatile __u32 flow_count = 1;
const volatile __u32 ip_checksum_base = 0;  // of the header with its address and checksum fields zero, not folded
const volatile __u32 source_network = 0;    // 198.18.0.0 in host order
const volatile __u8 with_time = 0;
const volatile __u32 queue_count = 1;  // more: frames become sk_buffs, which carry their queue

// One CPU runs the source, so that plain variables do.
__u64 next_sequence = 0;
__u32 next_flow = 0;

// How steady the stream is: the time from every TRAFFIC_BATCH_FRAMES-th frame to the next such. User space asks for it, and sets the
// moment to 0 where a stream begins.
__u32 watching = 0;
__u64 batch_began_ns = 0;
__u64 batch_ns[TRAFFIC_LATENCY_BUCKETS];

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} target_device SEC(".maps");

static __always_inline void watch_pauses(void) {
  __u64 now_ns = bpf_ktime_get_ns();
  if (batch_began_ns) batch_ns[latency_bucket(now_ns - batch_began_ns) & (TRAFFIC_LATENCY_BUCKETS - 1)]++;
  batch_began_ns = now_ns;
}

// Packet fields are not aligned to their size; the machines that XDP runs on do not mind, packed structures would become byte stores.
#define STORE(type, offset, value) (*(type*)(data + (offset)) = (value))

SEC("xdp")
int traffic_source(struct xdp_md* context) {
  void* data = (void*)(long)context->data;
  void* data_end = (void*)(long)context->data_end;
  if (context->ingress_ifindex != LOOPBACK_IFINDEX || data + TRAFFIC_MINIMUM_FRAME_BYTES > data_end) return XDP_DROP;

  __u32 flow = next_flow;
  next_flow = flow + 1 < flow_count ? flow + 1 : 0;
  __u32 address = source_network + flow;
  __u32 sum = ip_checksum_base + (address >> 16) + (address & 0xffff);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  STORE(__u16, TRAFFIC_IP_CHECKSUM_OFFSET, bpf_htons(~sum & 0xffff));
  STORE(__u32, TRAFFIC_SOURCE_ADDRESS_OFFSET, bpf_htonl(address));
  STORE(__u16, TRAFFIC_SOURCE_PORT_OFFSET, bpf_htons((TRAFFIC_FIRST_PORT + flow) & 0xffff));
  STORE(__u64, TRAFFIC_SEQUENCE_OFFSET, next_sequence);
  if (watching && next_sequence % TRAFFIC_BATCH_FRAMES == 0) watch_pauses();
  next_sequence = next_sequence + 1;
  STORE(__u64, TRAFFIC_TIME_OFFSET, with_time ? bpf_ktime_get_ns() : 0);
  STORE(__u32, TRAFFIC_MAGIC_OFFSET, TRAFFIC_MAGIC);
  return queue_count > 1 ? XDP_PASS : bpf_redirect_map(&target_device, 0, 0);
}

// Index of the target, for what is no XDP frame any more. Set before load.
const volatile __u32 target_index = 0;

// Where frames that passed arrive, at the loopback's ingress: a flow keeps its queue.
SEC("tc")
int traffic_queue(struct __sk_buff* buffer) {
  void* data = (void*)(long)buffer->data;
  void* data_end = (void*)(long)buffer->data_end;
  if (data + TRAFFIC_HEADER_BYTES > data_end || *(__u32*)(data + TRAFFIC_MAGIC_OFFSET) != TRAFFIC_MAGIC) return TC_ACT_OK;
  // The kernel takes the mapping for that of a receive queue, counted from 1, and sends in the tx queue of the same number.
  buffer->queue_mapping = bpf_ntohs(*(__u16*)(data + TRAFFIC_SOURCE_ADDRESS_OFFSET + 2)) % queue_count + 1;
  return bpf_redirect(target_index, 0);
}

// Frames that the sink sent back: from here to there and back here is their round trip. All other frames end here too.
__u64 round_trip_ns[TRAFFIC_LATENCY_BUCKETS];

SEC("xdp")
int traffic_return(struct xdp_md* context) {
  void* data = (void*)(long)context->data;
  void* data_end = (void*)(long)context->data_end;
  if (data + TRAFFIC_HEADER_BYTES > data_end) return XDP_DROP;
  __u64 sent_ns = *(__u64*)(data + TRAFFIC_TIME_OFFSET);
  if (*(__u32*)(data + TRAFFIC_MAGIC_OFFSET) != TRAFFIC_MAGIC || !sent_ns) return XDP_DROP;
  __u32 bucket = latency_bucket(bpf_ktime_get_ns() - sent_ns);
  __sync_fetch_and_add(&round_trip_ns[bucket & (TRAFFIC_LATENCY_BUCKETS - 1)], 1);
  return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
