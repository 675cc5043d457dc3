/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program's side of injection (docs/inject.md): a live frame that BPF_PROG_TEST_RUN made becomes the next packet of a block, and
 * leaves through the port. Two tracing programs see what became of it, in the same call.
 */
#ifndef BPF_INJECT_BPF_H_
#define BPF_INJECT_BPF_H_

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/inject_shared.h"

/* The loopback device is the first of every network namespace, and no port of ours: its frames are those of a test run. */
#define LOOPBACK_IFINDEX 1

const volatile struct inject_options inject_options SEC(".rodata.inject") = {};

/* Stands for the region: visible_memory.h makes the map that is put in its place before the program is loaded. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __uint(key_size, 4);
  __uint(value_size, 2 * INJECT_PADDING);
} inject_frames SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, INJECT_BLOCKS);
  __type(key, __u32);
  __type(value, struct inject_block);
} inject_blocks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_DEVMAP);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} inject_target SEC(".maps");

/* The batch that this CPU ran last, or runs: whose, and of which block. A batch is run by the thread that made the call. */
struct running_batch {
  __u64 task;
  __u32 block;
  __u32 reserved;
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct running_batch);
} inject_running SEC(".maps");

static __always_inline int is_injected(const struct xdp_md* context) {
  return context->ingress_ifindex == LOOPBACK_IFINDEX;
}

/* Wraps, as the verifier wants to see; the empty assembly keeps the compiler from turning the index into a pointer that moves. */
static __always_inline struct inject_descriptor* descriptor_at(struct inject_block* block, __u32 position) {
  asm volatile("" : "+r"(position));
  return &block->descriptors[position % INJECT_BLOCK_FRAMES];
}

/*
 * A frame comes with a length whose low bits are the number of its block, whatever CPU the caller has moved to; the batch runs with
 * bottom halves off, so that nothing comes between its frames.
 */
static __always_inline int inject_frame(struct xdp_md* context) {
  __u32 zero = 0;
  __u32 made_length = context->data_end - context->data;
  __u32 number = made_length % INJECT_BLOCKS;
  struct inject_block* block = bpf_map_lookup_elem(&inject_blocks, &number);
  if (!block) return XDP_ABORTED;
  __u32 position = block->emitted;
  if (position >= INJECT_BLOCK_FRAMES) return XDP_ABORTED;
  if (position % INJECT_BATCH == 0) {
    struct running_batch* running = bpf_map_lookup_elem(&inject_running, &zero);
    if (!running) return XDP_ABORTED;
    running->task = bpf_get_current_task();
    running->block = number;
  }
  struct inject_descriptor* descriptor = descriptor_at(block, position);
  block->emitted = position + 1;
  __u8* packet = bpf_map_lookup_elem(&inject_frames, &zero);
  if (!packet) goto invalid;
  /*
   * For verifiers before Linux 6.8: they forget the bounds of a number that is kept on the stack across a call, so the offset is added
   * before the next one, and learn nothing from "not 0", so the length is counted from its last byte.
   */
  __u64 offset = *(volatile __u32*)&descriptor->offset;
  __u64 last = *(volatile __u16*)&descriptor->length - 1ULL;
  asm volatile("" : "+r"(last));
  if (offset >= (__u64)inject_options.region_bytes || last >= INJECT_LONGEST_FRAME) goto invalid;
  packet += offset;
  __u32 length = last + 1;
  asm volatile("" : "+r"(packet), "+r"(length));
  if (length != made_length && bpf_xdp_adjust_tail(context, (int)length - (int)made_length)) goto invalid;
  if (bpf_xdp_store_bytes(context, 0, packet, length)) goto invalid;
  if (bpf_redirect_map(&inject_target, 0, XDP_ABORTED) == XDP_REDIRECT) return XDP_REDIRECT;
  descriptor->error = 19; /* ENODEV */
  ++block->refused;
  return XDP_ABORTED;
invalid:
  descriptor->error = 22; /* EINVAL */
  ++block->refused;
  return XDP_ABORTED;
}

struct net_device {
  int ifindex;
} __attribute__((preserve_access_index));

/*
 * The block whose batch this CPU runs; null if it runs none. An event in another thread is somebody else's: another process that
 * injects, in whatever namespace. So is one in this thread when no frame is on its way, since by the end of a batch every frame of it
 * has met its end. That alone would not do: user space zeroes the counts one by one, and may lose the CPU in between.
 */
static __always_inline struct inject_block* running_block(void) {
  __u32 zero = 0;
  struct running_batch* running = bpf_map_lookup_elem(&inject_running, &zero);
  if (!running || running->task != bpf_get_current_task()) return 0;
  struct inject_block* block = bpf_map_lookup_elem(&inject_blocks, &running->block);
  return block && block->emitted != block->sent + block->dropped + block->refused ? block : 0;
}

/* The end of the next `count` descriptors that were not refused before: they have gone, or `error` keeps them with user space. */
static __always_inline void finish(struct inject_block* block, int count, int error) {
  if (!error && !block->refused) {
    block->flushed += count;
    return;
  }
  __u32 position = block->flushed;
  for (int i = 0; i < 2 * INJECT_BATCH && count > 0; ++i) {
    struct inject_descriptor* descriptor = descriptor_at(block, position++);
    if (descriptor->error) continue;
    --count;
    if (!error) continue;
    descriptor->error = error;
    ++block->refused;
  }
  block->flushed = position;
}

/* The device was given up to 16 frames. It took the first `sent`, or with an error none. */
SEC("tp_btf/xdp_devmap_xmit")
int inject_sent(__u64* arguments) {
  const struct net_device* from = (const struct net_device*)arguments[0];
  const struct net_device* to = (const struct net_device*)arguments[1];
  int sent = (int)arguments[2], drops = (int)arguments[3], error = (int)arguments[4];
  if (to->ifindex != (int)inject_options.target_ifindex || from->ifindex != LOOPBACK_IFINDEX) return 0;
  struct inject_block* block = running_block();
  if (!block) return 0;
  block->sent += sent;
  if (error >= 0) block->dropped += drops;
  finish(block, sent + drops, error < 0 ? -error : 0);
  return 0;
}

/* The frame just emitted came not as far as the device: that is down or takes no XDP frames, or the packet is longer than its MTU. */
SEC("tp_btf/xdp_redirect_err")
int inject_refused(__u64* arguments) {
  const struct net_device* from = (const struct net_device*)arguments[0];
  int error = (int)arguments[3];
  __u32 map_id = (__u32)arguments[5];
  if (from->ifindex != LOOPBACK_IFINDEX) return 0;
  struct inject_block* block = running_block();
  if (!block || block->target_map != map_id) return 0;
  descriptor_at(block, block->emitted - 1)->error = -error;
  ++block->refused;
  return 0;
}

#endif /* BPF_INJECT_BPF_H_ */
