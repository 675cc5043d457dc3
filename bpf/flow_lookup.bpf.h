// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// From a key to the number of a flow: an exact-match cache of each CPU, then the masks in their order.
#ifndef BPF_FLOW_LOOKUP_BPF_H_
#define BPF_FLOW_LOOKUP_BPF_H_

#include "bpf/flow_shared.h"

#include <bpf/bpf_helpers.h>

enum { FLOW_NONE = -1 };

// A counter that is this CPU's. Programs of a CPU do not interrupt each other, so that nobody else writes to it (`own`), but on kernels
// whose softirqs can be preempted.
static __always_inline void count(__u64* counter, __u64 by, __u32 own) {
  if (own)
    *(volatile __u64*)counter += by;
  else
    __sync_fetch_and_add(counter, by);
}

// User space makes the maps (bpf/flow_maps.cc), and with it their sizes; these say what they are.
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct flow_control);
} flow_control SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 2 * FLOW_MAXIMUM_MASKS);
  __type(key, __u32);
  __type(value, struct flow_mask);
} flow_masks SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1);
  __type(key, struct flow_key);
  __type(value, __u32);
} flow_index SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct flow_record);
} flow_records SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, FLOW_CACHE_ENTRIES);
  __type(key, __u32);
  __type(value, struct flow_cache_entry);
} flow_cache SEC(".maps");

// Products that do not wait for each other; the best of a sum's bits are the upper ones.
static __always_inline __u32 place_in_cache(const struct flow_key* key, const volatile struct flow_options* options) {
  __u64 sum = 0;
#pragma unroll
  for (int i = 0; i < FLOW_KEY_WORDS; ++i) sum += key->words[i] * options->multipliers[i];
  return sum >> (64 - FLOW_CACHE_BITS);
}

static __always_inline int same_flow_key(const struct flow_key* one, const struct flow_key* other) {
  __u64 difference = 0;
#pragma unroll
  for (int i = 0; i < FLOW_KEY_WORDS; ++i) difference |= one->words[i] ^ other->words[i];
  return difference == 0;
}

// A global function, as parse_flow. The masks are read as they were at one moment: user space writes a new list beside the old one, and
// the word says which is the list.
__attribute__((noinline)) int find_flow_by_masks(const struct flow_key* key) {
  if (!key) return FLOW_NONE;
  __u32 zero = 0;
  struct flow_control* control = bpf_map_lookup_elem(&flow_control, &zero);
  if (!control) return FLOW_NONE;
  const __u64 masks = *(volatile __u64*)&control->masks;
  const __u32 first = masks, count = masks >> 32;
  struct flow_key masked;
  for (__u32 i = 0; i < FLOW_MAXIMUM_MASKS; ++i) {
    if (i >= count) break;
    __u32 index = first + i;
    const struct flow_mask* mask = bpf_map_lookup_elem(&flow_masks, &index);
    if (!mask) break;
#pragma unroll
    for (int word = 0; word < FLOW_KEY_WORDS; ++word) masked.words[word] = key->words[word] & mask->mask.words[word];
    masked.subtable = mask->mask.subtable;
    const __u32* flow = bpf_map_lookup_elem(&flow_index, &masked);
    if (flow) return *flow & 0x7fffffff;
  }
  return FLOW_NONE;
}

// The record of the key's flow, and its number; or null. Completes the key: the port, and the epoch. What came from the cache is as good as
// what the masks would say: same key, same generation of the flow, and no flow was added since that could come before it.
static __always_inline const struct flow_record* find_flow(struct flow_key* key, const volatile struct flow_options* options,
                                                           struct flow_cpu* cpu, __u32* flow) {
  __u32 zero = 0;
  struct flow_control* control = bpf_map_lookup_elem(&flow_control, &zero);
  if (!control) return 0;
  key->words[0] = *(volatile __u32*)&control->epoch | (__u64)options->port << 32;
  __u32 place = place_in_cache(key, options);
  struct flow_cache_entry* entry = bpf_map_lookup_elem(&flow_cache, &place);
  if (!entry) return 0;
  if (same_flow_key(&entry->key, key)) {
    *flow = entry->flow;
    const struct flow_record* record = bpf_map_lookup_elem(&flow_records, flow);
    if (record && *(volatile __u32*)&record->generation == entry->generation) {
      count(&cpu->counters[FLOW_COUNT_CACHE_HIT], 1, options->own_counters);
      return record;
    }
  }
  const int found = find_flow_by_masks(key);
  if (found < 0) return 0;
  *flow = found;
  const struct flow_record* record = bpf_map_lookup_elem(&flow_records, flow);
  if (!record) return 0;
  entry->key = *key;
  entry->flow = found;
  entry->generation = *(volatile __u32*)&record->generation;
  return record;
}

#endif  // BPF_FLOW_LOOKUP_BPF_H_
