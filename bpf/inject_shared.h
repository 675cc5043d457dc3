/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Injection: how user space and the XDP program of a port hand frames over. The protocol is drawn in docs/inject.md.
 * C, for both compilers; sizes and offsets are asserted on both sides.
 */
#ifndef BPF_INJECT_SHARED_H_
#define BPF_INJECT_SHARED_H_

#include <linux/types.h>

#include "bpf/xdp_shared.h"

#define POLLUX_INJECT_FRAMES_MAP "inject_frames"
#define POLLUX_INJECT_BLOCKS_MAP "inject_blocks"
#define POLLUX_INJECT_TARGET_MAP "inject_target"
#define POLLUX_INJECT_OPTIONS_MAP ".rodata.inject"
#define POLLUX_INJECT_TRANSMITTED_PROGRAM "inject_sent"
#define POLLUX_INJECT_REFUSED_PROGRAM "inject_refused"

enum {
  INJECT_BLOCKS = 64,          /* transmit queues of a port that can inject */
  INJECT_BLOCK_FRAMES = 1024,  /* frames a call */
  INJECT_BATCH = 64,           /* frames that the kernel runs before it flushes and may reschedule */
  INJECT_LONGEST_FRAME = 3264, /* what BPF_PROG_TEST_RUN takes: a page less xdp_page_head, headroom and skb_shared_info, rounded down */
  /* Behind the frames, so that the verifier need not know that no frame crosses the end. */
  INJECT_PADDING = 4096,
  /* The verifier bounds offsets into a map's value at 2^29. */
  INJECT_LARGEST_REGION = (1 << 29) - INJECT_PADDING,
};

struct inject_descriptor {
  __u32 offset; /* of the packet in the region */
  __u16 length;
  __u16 error; /* 0, or the errno with which the kernel refused the frame before the device saw it */
};
POLLUX_SHARED_ASSERT(sizeof(struct inject_descriptor) == 8, "layout of inject_descriptor");

/*
 * One transmit queue's. User space zeroes the counts before a call, and owns the block outside of calls.
 * emitted >= sent + dropped + refused, and equal when the call has returned.
 */
struct inject_block {
  __u32 emitted;    /* descriptors used: the program's position */
  __u32 sent;       /* taken by the device */
  __u32 dropped;    /* not taken by the device for want of room in its ring */
  __u32 refused;    /* descriptors with an error */
  __u32 flushed;    /* descriptors whose end is known: sent, dropped or refused */
  __u32 target_map; /* id of inject_target, by which a redirection is known as ours; set once */
  __u32 reserved[10];
  struct inject_descriptor descriptors[INJECT_BLOCK_FRAMES];
};
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct inject_block, descriptors) == 64, "layout of inject_block");

/* Set before the program is loaded. */
struct inject_options {
  __u32 region_bytes;
  __u32 target_ifindex;
};

#endif /* BPF_INJECT_SHARED_H_ */
