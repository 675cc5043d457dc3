// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A packet and the flow table: parse, look up, act, count.
#ifndef BPF_FLOW_TABLE_BPF_H_
#define BPF_FLOW_TABLE_BPF_H_

#ifdef FLOW_AT_TC
#include "bpf/flow_actions_tc.bpf.h"
#else
#include "bpf/flow_actions_xdp.bpf.h"
#endif
#include "bpf/flow_lookup.bpf.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct flow_action);
} flow_actions SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct flow_statistics);
} flow_statistics SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct flow_cpu);
} flow_cpus SEC(".maps");

enum { FLOW_VERDICT_UP = -1 };

// CLOCK_MONOTONIC_COARSE, which moves with the kernel's tick, asked for once a tick: the call costs more than all the rest of counting.
static __always_inline __u64 coarse_now(struct flow_cpu* cpu) {
  const __u64 tick = bpf_jiffies64();
  if (cpu->tick != tick) {
    cpu->now_ns = bpf_ktime_get_coarse_ns();
    cpu->tick = tick;
  }
  return cpu->now_ns;
}

static __always_inline void count_flow(const struct flow_packet* packet, __u32 flow, struct flow_cpu* cpu, __u32 cpu_number,
                                       const volatile struct flow_options* options) {
  const __u32 slots = options->statistics_slots;
  __u32 place = flow * slots + (cpu_number & (slots - 1));
  struct flow_statistics* statistics = bpf_map_lookup_elem(&flow_statistics, &place);
  if (!statistics) return;
  __u64 frames, bytes;
  measure_frames(packet, &frames, &bytes);
  // Where there are more CPUs than slots, several may count in one.
  const __u32 own = options->own_statistics;
  count(&statistics->packets, frames, own);
  count(&statistics->bytes, bytes, own);
  *(volatile __u64*)&statistics->last_use_ns = coarse_now(cpu);
  const __u32 tcp_flags = bpf_ntohs(packet->key.tcp_flags);
  if (tcp_flags & ~*(volatile __u32*)&statistics->tcp_flags) __sync_fetch_and_or(&statistics->tcp_flags, tcp_flags);
}

static __always_inline int go_up(struct flow_cpu* cpu, __u32 reason, const volatile struct flow_options* options) {
  if (reason < FLOW_COUNTERS) count(&cpu->counters[reason], 1, options->own_counters);
  return FLOW_VERDICT_UP;
}

// As send_by_flow. `verdict` is that of a packet that is sent, and is changed for others.
static __always_inline int apply_action(FLOW_CONTEXT* context, const struct flow_packet* packet, __u32 place, int* verdict) {
  if (place & FLOW_PLAIN_OUTPUT) return send_as_it_is(context, packet, place & ~FLOW_PLAIN_OUTPUT);
  const struct flow_action* action = bpf_map_lookup_elem(&flow_actions, &place);
  if (!action) return FLOW_COUNT_MISS;
  if (action->verdict == FLOW_OUTPUT) return send_by_flow(context, packet, action);
  *verdict = action->verdict == FLOW_UP ? FLOW_VERDICT_UP : FLOW_VERDICT_DROP;
  return 0;
}

static __always_inline int act_on_flow(FLOW_CONTEXT* context, const volatile struct flow_options* options, struct flow_cpu* cpu,
                                       __u32 cpu_number) {
  struct flow_packet packet = {};
  int reason = read_packet(context, &packet, options);
  if (reason) return go_up(cpu, reason, options);
  __u32 flow = 0;
  const struct flow_record* record = find_flow(&packet.key, options, cpu, &flow);
  if (!record) return go_up(cpu, FLOW_COUNT_MISS, options);
  int verdict = FLOW_VERDICT_SENT;
  reason = apply_action(context, &packet, *(volatile __u32*)&record->action, &verdict);
  if (reason == FLOW_LOST) {
    go_up(cpu, FLOW_COUNT_LOST, options);
    return FLOW_VERDICT_DROP;
  }
  if (reason) return go_up(cpu, reason, options);
  count_flow(&packet, flow, cpu, cpu_number, options);
  count(&cpu->counters[FLOW_COUNT_HIT], 1, options->own_counters);
  return verdict;
}

// A verdict of the hook, or FLOW_VERDICT_UP. Between `entered` and `left` user space knows that this CPU may still act on what it has
// seen: bpf/flow_maps.h. The addition is a full barrier, and `left` is stored behind all that was read and counted.
static __always_inline int forward_by_flow(FLOW_CONTEXT* context, const volatile struct flow_options* options) {
  __u32 number = bpf_get_smp_processor_id();
  struct flow_cpu* cpu = bpf_map_lookup_elem(&flow_cpus, &number);
  if (!cpu) return FLOW_VERDICT_UP;
  // With a result that is used: without one some machines need not order it.
  if (__sync_fetch_and_add(&cpu->entered, 1) == ~0ull) return FLOW_VERDICT_UP;
  const int verdict = act_on_flow(context, options, cpu, number);
  if (options->own_counters) {
    asm volatile("" ::: "memory");
    *(volatile __u64*)&cpu->left += 1;
    return verdict;
  }
  return __sync_fetch_and_add(&cpu->left, 1) == ~0ull ? FLOW_VERDICT_UP : verdict;
}

#endif  // BPF_FLOW_TABLE_BPF_H_
