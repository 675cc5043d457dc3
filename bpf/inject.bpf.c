// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The kernel's side of injection (docs/inject.md): a live frame that BPF_PROG_TEST_RUN made becomes the next packet of a block, and
// leaves through a port. Three tracing programs see what became of it and of its memory, in the same call.
#include "bpf/inject_shared.h"

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* The loopback device is the first of every network namespace: the frames of a test run come from it, and nothing else does. */
#define LOOPBACK_IFINDEX 1

/* linux/errno.h, which clang's bpf target does not find. */
enum { NO_DEVICE = 19, BAD_FAULT = 14, BUSY = 16, INVALID = 22 };

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
  __uint(max_entries, INJECT_PORTS);
  __type(key, __u32);
  __type(value, __u32);
} inject_ports SEC(".maps");

/* Frozen: user space may only read it. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct inject_state);
} inject_state SEC(".maps");

/* The page pools that inject_state counts, by address. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, INJECT_KNOWN_POOLS);
  __type(key, __u64);
  __type(value, __u32);
} inject_pools SEC(".maps");

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

/* A packet of the caller's memory on its way into the frame. */
struct packet_bytes {
  __u8 bytes[INJECT_PADDING];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct packet_bytes);
} inject_passage SEC(".maps");

/* Wraps, as the verifier wants to see; the empty assembly keeps the compiler from turning the index into a pointer that moves. */
static __always_inline __u64* descriptor_at(struct inject_block* block, __u32 position) {
  asm volatile("" : "+r"(position));
  return &block->descriptors[position % INJECT_BLOCK_FRAMES];
}

static __always_inline __u16* error_at(struct inject_block* block, __u32 position) {
  asm volatile("" : "+r"(position));
  return &block->errors[position % INJECT_BLOCK_FRAMES];
}

/* Gives the frame the packet's length. What the end of the frame has no room for goes into the headroom. */
static __always_inline int set_length(struct xdp_md* context, __u32 made_length, __u32 length) {
  int more = (int)length - (int)made_length;
  if (more == 0 || bpf_xdp_adjust_tail(context, more) == 0) return 0;
  if (bpf_xdp_adjust_head(context, -INJECT_HEADROOM)) return INVALID;
  return bpf_xdp_adjust_tail(context, more - INJECT_HEADROOM) ? INVALID : 0;
}

/*
 * Copies the packet of a descriptor into the frame; 0 or an errno.
 * For verifiers before Linux 6.8: they forget the bounds of a number that is kept on the stack across a call, so the offset is added
 * before the next one, and learn nothing from "not 0", so the length is counted from its last byte.
 */
static __always_inline int fill_frame(struct xdp_md* context, __u32 made_length, __u64 descriptor) {
  __u32 zero = 0;
  __u64 address = descriptor & ((1ULL << INJECT_ADDRESS_BITS) - 1);
  __u64 last = (descriptor >> INJECT_ADDRESS_BITS & INJECT_LENGTH_MASK) - 1;
  asm volatile("" : "+r"(last));
  if (last >= INJECT_LONGEST_FRAME) return INVALID;
  if (descriptor & INJECT_IN_REGION) {
    __u8* packet = bpf_map_lookup_elem(&inject_frames, &zero);
    if (!packet || address >= (__u64)inject_options.region_bytes) return INVALID;
    packet += address;
    __u32 length = last + 1;
    asm volatile("" : "+r"(packet), "+r"(length));
    if (set_length(context, made_length, length)) return INVALID;
    return bpf_xdp_store_bytes(context, 0, packet, length) ? INVALID : 0;
  }
  struct packet_bytes* passage = bpf_map_lookup_elem(&inject_passage, &zero);
  if (!passage) return INVALID;
  __u32 length = last + 1;
  asm volatile("" : "+r"(length));
  if (bpf_probe_read_user(passage, length, (const void*)address)) return BAD_FAULT;
  if (set_length(context, made_length, length)) return INVALID;
  return bpf_xdp_store_bytes(context, 0, passage, length) ? INVALID : 0;
}

/*
 * A frame comes with a length whose low bits are the number of its block, whatever CPU the caller has moved to; the batch runs with
 * bottom halves off, so that nothing comes between its frames. Whoever calls without a block that is ready gets nothing sent.
 */
SEC("xdp")
int pollux_inject(struct xdp_md* context) {
  __u32 zero = 0;
  if (context->ingress_ifindex != LOOPBACK_IFINDEX) return XDP_DROP;
  __u32 made_length = context->data_end - context->data;
  __u32 number = made_length % INJECT_BLOCKS;
  struct inject_block* block = bpf_map_lookup_elem(&inject_blocks, &number);
  const struct inject_state* state = bpf_map_lookup_elem(&inject_state, &zero);
  if (!block || !state) return XDP_DROP;
  __u32 position = block->emitted;
  if (position >= block->count || position >= INJECT_BLOCK_FRAMES) return XDP_DROP;
  if (position % INJECT_BATCH == 0) {
    struct running_batch* running = bpf_map_lookup_elem(&inject_running, &zero);
    if (!running) return XDP_DROP;
    running->task = bpf_get_current_task();
    running->block = number;
  }
  block->emitted = position + 1;
  int error = state->pools >= INJECT_MOST_POOLS ? BUSY : fill_frame(context, made_length, *(volatile __u64*)descriptor_at(block, position));
  if (!error && bpf_redirect_map(&inject_ports, block->port, XDP_ABORTED) == XDP_REDIRECT) return XDP_REDIRECT;
  *error_at(block, position) = error ? error : NO_DEVICE;
  ++block->refused;
  return XDP_DROP;
}

struct net_device {
  int ifindex;
} __attribute__((preserve_access_index));

/* The block of the batch that this thread ran last, on this CPU; null if there is none. */
static __always_inline struct inject_block* last_block(void) {
  __u32 zero = 0;
  struct running_batch* running = bpf_map_lookup_elem(&inject_running, &zero);
  if (!running || running->task != bpf_get_current_task()) return 0;
  return bpf_map_lookup_elem(&inject_blocks, &running->block);
}

/*
 * The block whose batch this CPU runs; null if it runs none. An event in another thread is somebody else's: another process that
 * injects, in whatever namespace. So is one in this thread when no frame is on its way, since by the end of a batch every frame of it
 * has met its end. That alone would not do: user space zeroes the counts one by one, and may lose the CPU in between.
 */
static __always_inline struct inject_block* running_block(void) {
  struct inject_block* block = last_block();
  return block && block->emitted != block->sent + block->dropped + block->refused ? block : 0;
}

/*
 * The end of the next `count` descriptors that were not refused before: `sent` of them have gone, and the device had no room for the
 * others; or none has, and `error` keeps them with user space.
 */
static __always_inline void finish(struct inject_block* block, int count, int sent, int error) {
  if (sent == count && !block->refused) {
    block->flushed += count;
    return;
  }
  __u32 position = block->flushed;
  for (int i = 0; i < 2 * INJECT_BATCH && count > 0; ++i) {
    __u16* told = error_at(block, position++);
    if (*told) continue;
    --count;
    if (--sent >= 0) continue;
    *told = error ? error : INJECT_NO_ROOM;
    if (error) ++block->refused;
  }
  block->flushed = position;
}

/* The device was given up to 16 frames. It took the first `sent`, or with an error none. */
SEC("tp_btf/xdp_devmap_xmit")
int inject_sent(__u64* arguments) {
  const struct net_device* from = (const struct net_device*)arguments[0];
  int sent = (int)arguments[2], drops = (int)arguments[3], error = (int)arguments[4];
  if (from->ifindex != LOOPBACK_IFINDEX) return 0;
  struct inject_block* block = running_block();
  if (!block) return 0;
  block->sent += sent;
  if (error >= 0) block->dropped += drops;
  finish(block, sent + drops, sent, error < 0 ? -error : 0);
  return 0;
}

/* The frame just emitted came not as far as the device: that is down or takes no XDP frames, or the packet is longer than its MTU. */
SEC("tp_btf/xdp_redirect_err")
int inject_refused(__u64* arguments) {
  const struct net_device* from = (const struct net_device*)arguments[0];
  int error = (int)arguments[3];
  if (from->ifindex != LOOPBACK_IFINDEX) return 0;
  struct inject_block* block = running_block();
  if (!block) return 0;
  *error_at(block, block->emitted - 1) = -error;
  ++block->refused;
  return 0;
}

/*
 * Somebody lets go of a page pool: at the end of a call, and once a second from then on until its `held` frames are back. Pools of
 * other processes and of drivers count as well, since they cost the same; those that were there before are seen within a second.
 */
SEC("tp_btf/page_pool_release")
int inject_pool_released(__u64* arguments) {
  __u64 pool = arguments[0];
  int held = (int)arguments[1];
  __u32 zero = 0;
  struct inject_state* state = bpf_map_lookup_elem(&inject_state, &zero);
  if (!state) return 0;
  if (held <= 0) {
    if (bpf_map_delete_elem(&inject_pools, &pool) == 0) __sync_fetch_and_add(&state->pools, -1);
    return 0;
  }
  struct inject_block* block = last_block();
  if (block && block->emitted) block->held = held;
  if (bpf_map_update_elem(&inject_pools, &pool, &zero, BPF_NOEXIST) == 0) __sync_fetch_and_add(&state->pools, 1);
  return 0;
}

char LICENSE[] SEC("license") = "GPL";
