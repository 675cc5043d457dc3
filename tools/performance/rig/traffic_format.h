// SPDX-License-Identifier: Apache-2.0
// What a measured frame looks like. Shared by the BPF programs of source and sink and by user space.
//
//   0        14       34      42          50        58      62      frame_bytes
//   | Ethernet | IPv4  | UDP   | sequence  | time_ns | magic | zeros  |
//
// Lengths are those that the kernel sees: without the frame check sequence. UDP's checksum is 0 (none), IPv4's is right.
#ifndef TOOLS_PERFORMANCE_RIG_TRAFFIC_FORMAT_H_
#define TOOLS_PERFORMANCE_RIG_TRAFFIC_FORMAT_H_

#include <linux/types.h>

#define TRAFFIC_IP_CHECKSUM_OFFSET 24
#define TRAFFIC_SOURCE_ADDRESS_OFFSET 26
#define TRAFFIC_SOURCE_PORT_OFFSET 34
#define TRAFFIC_SEQUENCE_OFFSET 42
#define TRAFFIC_TIME_OFFSET 50
#define TRAFFIC_MAGIC_OFFSET 58
#define TRAFFIC_HEADER_BYTES 62

#define TRAFFIC_MINIMUM_FRAME_BYTES 64
#define TRAFFIC_MAXIMUM_FRAME_BYTES 1514
#define TRAFFIC_MAXIMUM_FLOWS 65536
#define TRAFFIC_FIRST_PORT 1024
#define TRAFFIC_MAGIC 0x786c6f70u

// Frames that the kernel makes and sends at a time, within a call.
#define TRAFFIC_BATCH_FRAMES 64

// Of the frames with a time, one in so many is sent back, to tell the round trip.
#define TRAFFIC_FRAMES_A_RETURN 16

// Latency histogram: exact below 32 ns, then 32 steps for every power of two, so that a bucket is at most 1/32 wide.
#define TRAFFIC_LATENCY_STEP_BITS 5
#define TRAFFIC_LATENCY_STEPS (1 << TRAFFIC_LATENCY_STEP_BITS)
#define TRAFFIC_LATENCY_BUCKETS 2048

// One for every CPU that the sink runs on; the reader adds them up.
struct sink_counters {
  __u64 packets;
  __u64 bytes;
  // The rest only if the sink inspects what it counts.
  __u64 foreign;    // without the magic
  __u64 reordered;  // a smaller sequence number than its flow had before
};

#endif  // TOOLS_PERFORMANCE_RIG_TRAFFIC_FORMAT_H_
