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

static __always_inline void count_flow(const struct flow_packet* packet, __u32 flow, __u32 slots) {
  __u32 place = flow * slots + (bpf_get_smp_processor_id() & (slots - 1));
  struct flow_statistics* statistics = bpf_map_lookup_elem(&flow_statistics, &place);
  if (!statistics) return;
  // Where there are more CPUs than slots, several may count in one.
  __u64 frames, bytes;
  measure_frames(packet, &frames, &bytes);
  __sync_fetch_and_add(&statistics->packets, frames);
  __sync_fetch_and_add(&statistics->bytes, bytes);
  *(volatile __u64*)&statistics->last_use_ns = bpf_ktime_get_coarse_ns();
  const __u32 tcp_flags = bpf_ntohs(packet->key.tcp_flags);
  if (tcp_flags & ~*(volatile __u32*)&statistics->tcp_flags) __sync_fetch_and_or(&statistics->tcp_flags, tcp_flags);
}

static __always_inline int go_up(struct flow_cpu* cpu, __u32 reason) {
  if (reason < FLOW_COUNTERS) __sync_fetch_and_add(&cpu->counters[reason], 1);
  return FLOW_VERDICT_UP;
}

static __always_inline int act_on_flow(FLOW_CONTEXT* context, const volatile struct flow_options* options, struct flow_cpu* cpu) {
  struct flow_packet packet = {};
  packet.key.port = options->port;
  int reason = read_packet(context, &packet, options);
  if (reason) return go_up(cpu, reason);
  const int flow = find_flow(&packet.key, options->seed, cpu);
  if (flow < 0) return go_up(cpu, FLOW_COUNT_MISS);
  struct flow_record* record = bpf_map_lookup_elem(&flow_records, &flow);
  if (!record) return go_up(cpu, FLOW_COUNT_MISS);
  __u32 place = *(volatile __u32*)&record->action;
  const struct flow_action* action = bpf_map_lookup_elem(&flow_actions, &place);
  if (!action) return go_up(cpu, FLOW_COUNT_MISS);
  int verdict = action->verdict == FLOW_UP ? FLOW_VERDICT_UP : FLOW_VERDICT_DROP;
  if (action->verdict == FLOW_OUTPUT) {
    reason = send_by_flow(context, &packet, action);
    if (reason == FLOW_LOST) {
      go_up(cpu, FLOW_COUNT_LOST);
      return FLOW_VERDICT_DROP;
    }
    if (reason) return go_up(cpu, reason);
    verdict = FLOW_VERDICT_SENT;
  }
  count_flow(&packet, flow, options->statistics_slots);
  __sync_fetch_and_add(&cpu->counters[FLOW_COUNT_HIT], 1);
  return verdict;
}

// A verdict of the hook, or FLOW_VERDICT_UP. Between the two atomic additions, which are full barriers, user space knows that this CPU may
// still act on what it has seen: bpf/flow_maps.h.
static __always_inline int forward_by_flow(FLOW_CONTEXT* context, const volatile struct flow_options* options) {
  __u32 number = bpf_get_smp_processor_id();
  struct flow_cpu* cpu = bpf_map_lookup_elem(&flow_cpus, &number);
  if (!cpu) return FLOW_VERDICT_UP;
  // With a result that is used: without one some machines need not order it.
  if (__sync_fetch_and_add(&cpu->entered, 1) == ~0ull) return FLOW_VERDICT_UP;
  const int verdict = act_on_flow(context, options, cpu);
  if (__sync_fetch_and_add(&cpu->left, 1) == ~0ull) return FLOW_VERDICT_UP;
  return verdict;
}

#endif  // BPF_FLOW_TABLE_BPF_H_
