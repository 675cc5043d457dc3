/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Injection: how user space and the injecting program hand frames over. The protocol is drawn in docs/inject.md.
 * C, for both compilers; sizes and offsets are asserted on both sides.
 */
#ifndef BPF_INJECT_SHARED_H_
#define BPF_INJECT_SHARED_H_

#include <linux/types.h>

#include "bpf/xdp_shared.h"

#define POLLUX_INJECT_PROGRAM "pollux_inject"
#define POLLUX_INJECT_FRAMES_MAP "inject_frames"
#define POLLUX_INJECT_BLOCKS_MAP "inject_blocks"
#define POLLUX_INJECT_PORTS_MAP "inject_ports"
#define POLLUX_INJECT_POOLS_MAP "inject_pools"
#define POLLUX_INJECT_STATE_MAP "inject_state"
#define POLLUX_INJECT_OPTIONS_MAP ".rodata.inject"

enum {
  INJECT_BLOCKS = 64,         /* calls at a time */
  INJECT_BLOCK_FRAMES = 1024, /* frames a call */
  INJECT_BATCH = 64,          /* frames that the kernel runs before it flushes and may reschedule */
  INJECT_PORTS = 1024,        /* that one injector can send through */
  /*
   * The kernel makes frames of up to a page less xdp_page_head, headroom and skb_shared_info: 3368 bytes in Linux 5.18, 3408 in 6.18.
   * A packet may use INJECT_HEADROOM of the headroom too: room for the longest that a veth with a native program takes, tag included.
   */
  INJECT_LONGEST_MADE = 3328,
  INJECT_HEADROOM = 192,
  INJECT_LONGEST_FRAME = 3524,
  /* Behind the frames, so that the verifier need not know that no frame crosses the end. */
  INJECT_PADDING = 4096,
  /* The verifier bounds offsets into a map's value at 2^29. */
  INJECT_LARGEST_REGION = (1 << 29) - INJECT_PADDING,
  /*
   * Page pools on this machine that outlived their call, since a receiver holds a frame of them. With that many the program sends
   * nothing: each of them makes every later call, of whatever process, dearer (docs/inject.md).
   */
  INJECT_MOST_POOLS = 1024,
  /* Pools that are told apart: those of others count too. */
  INJECT_KNOWN_POOLS = 4096,
};

/*
 * A descriptor: where the packet is, its length, and what the address means: an offset in the region, or an address of the calling
 * thread.
 */
#define INJECT_ADDRESS_BITS 48
#define INJECT_LENGTH_MASK 0x7fffULL
#define INJECT_IN_REGION (1ULL << 63)

/* Beside errors: the device had no room for the frame. */
#define INJECT_NO_ROOM 0xffff

/*
 * Belongs to one thread at a time, for a call. User space writes port, count, the descriptors and their errors (0), zeroes the other
 * counts, calls, and reads. emitted >= sent + dropped + refused, and equal when the call has returned.
 */
struct inject_block {
  __u32 emitted; /* descriptors used: the program's position */
  __u32 sent;    /* taken by the device */
  __u32 dropped; /* not taken by the device for want of room in its ring */
  __u32 refused; /* descriptors with an errno */
  __u32 flushed; /* descriptors whose end is known: sent, dropped or refused */
  __u32 held;    /* frames that somebody had not given back when the call was over: its page pool lives on */
  __u32 port;    /* through which the frames leave: entry of inject_ports */
  __u32 count;   /* descriptors that are there */
  __u32 reserved[8];
  __u64 descriptors[INJECT_BLOCK_FRAMES];
  /* 0, INJECT_NO_ROOM, or the errno with which the kernel refused the frame before the device saw it */
  __u16 errors[INJECT_BLOCK_FRAMES];
};
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct inject_block, descriptors) == 64, "layout of inject_block");
POLLUX_SHARED_ASSERT(sizeof(struct inject_block) == 64 + 10 * INJECT_BLOCK_FRAMES, "layout of inject_block");

/* Written by the programs alone. */
struct inject_state {
  __u32 pools; /* on this machine, that outlived their call */
  __u32 reserved[15];
};
POLLUX_SHARED_ASSERT(sizeof(struct inject_state) == 64, "layout of inject_state");

/* Set before the program is loaded. */
struct inject_options {
  __u32 region_bytes; /* 0: there is no region */
  __u32 reserved;
};

#endif /* BPF_INJECT_SHARED_H_ */
