/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * Flows: what the XDP program and user space must agree on. C, for both compilers. What a flow table is: docs/flows.md.
 *
 *   masks word --> flow_masks[half + i] --> (key & mask) --> flow_index --> number of the flow
 *                                                                              |
 *                                 flow_actions[action] <-- flow_records[flow] -+-> flow_statistics[flow * slots + CPU]
 */
#ifndef BPF_FLOW_SHARED_H_
#define BPF_FLOW_SHARED_H_

#include "bpf/xdp_shared.h"

#define POLLUX_FLOWS_PROGRAM "pollux_flows"
#define POLLUX_TC_FLOWS_PROGRAM "pollux_tc_flows"

enum {
  FLOW_MAXIMUM_MASKS = 128,
  FLOW_MAXIMUM_PORTS = 1024,
  FLOW_KEY_WORDS = 9,
  FLOW_COUNTERS = 12,
  FLOW_CACHE_BITS = 13,
  FLOW_CACHE_ENTRIES = 1 << FLOW_CACHE_BITS, /* of each CPU */
};

/* Of flow_key.tag: there is a tag. It takes the place of the tag's DEI bit, which is not part of a key. */
enum { FLOW_TAG_PRESENT = 0x1000 };

/* Bits of flow_key.fragment. The first fragment has FLOW_FRAGMENT alone. */
enum {
  FLOW_FRAGMENT = 1,
  FLOW_FRAGMENT_LATER = 2, /* has no transport header */
};

/*
 * What a packet is. Multi-byte fields of the packet are in network byte order; what a packet does not have is 0. A mask has the same
 * layout. An ARP packet has its operation in `protocol`, addresses in the first words of source (sender) and destination (target), and the
 * hardware addresses in the bytes 8 to 13 of these. ICMP has its type in source_port and its code in destination_port.
 */
struct flow_key {
  union {
    __u64 words[FLOW_KEY_WORDS];
    struct {
      __u32 subtable; /* not the packet's: which mask and priority an entry of flow_index belongs to, which epoch one of the cache */
      __u32 port;     /* that the packet came in by; host byte order */
      __u8 destination_mac[6];
      __u8 source_mac[6];
      __u16 ether_type;  /* behind the tags */
      __u16 tag_type[2]; /* 0x8100 or 0x88a8; the outer tag first */
      __u16 tag[2];      /* priority and number, with FLOW_TAG_PRESENT */
      __u8 protocol;
      __u8 type_of_service; /* IPv6: traffic class */
      __u8 time_to_live;    /* IPv6: hop limit */
      __u8 fragment;
      __u16 tcp_flags; /* 12 bits */
      __u16 source_port;
      __u16 destination_port;
      __u32 source[4]; /* IPv4 in the first word */
      __u32 destination[4];
    };
  };
};
POLLUX_SHARED_ASSERT(sizeof(struct flow_key) == 72, "layout of flow_key");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct flow_key, ether_type) == 20, "layout of flow_key");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct flow_key, tcp_flags) == 34, "layout of flow_key");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct flow_key, source) == 40, "layout of flow_key");

/* flow_action.verdict */
enum {
  FLOW_UP = 0, /* to user space, unchanged */
  FLOW_DROP,
  FLOW_OUTPUT,
};

/* flow_action.sets: which parts of value and mask are there. */
enum {
  FLOW_SETS_MAC = 1,
  FLOW_SETS_TAG = 2,     /* of the outermost tag that is left when `pops` are gone */
  FLOW_SETS_HEADER = 4,  /* type_of_service, time_to_live */
  FLOW_SETS_ADDRESS = 8, /* source, destination */
  FLOW_SETS_PORTS = 16,
  FLOW_EXCHANGES_MACS = 32, /* before fields are set */
};

/* What becomes of a packet: `pops` tags off, `pushes` tags on, MAC addresses exchanged, fields set to (field & ~mask) | value. */
struct flow_action {
  __u8 verdict;
  __u8 sets;
  __u8 pops;
  __u8 pushes;
  __u32 output;       /* port, below FLOW_MAXIMUM_PORTS */
  __u16 push_type[2]; /* the outer one first; network byte order, as all below */
  __u16 push_tag[2];
  __u16 tag_value;
  __u16 tag_mask;
  __u32 reserved;
  struct flow_key value; /* bits outside the mask are 0 */
  struct flow_key mask;
};
POLLUX_SHARED_ASSERT(sizeof(struct flow_action) == 168, "layout of flow_action");

/* Of flow_record.action: packets leave as they are, by the port that the other bits say. Else it is a place in flow_actions. */
#define FLOW_PLAIN_OUTPUT 0x80000000u

/* A generation that is not the flow's makes an entry of the cache invalid. */
struct flow_record {
  __u32 generation;
  __u32 action;
};

struct flow_mask {
  struct flow_key mask; /* .subtable: the subtable's number, not a mask */
};

struct flow_statistics {
  __u64 packets;
  __u64 bytes;       /* of the frames as they came in, without frame check sequence */
  __u64 last_use_ns; /* CLOCK_MONOTONIC_COARSE, of this tick or the one before; 0: never */
  __u32 tcp_flags;   /* all that were seen, host byte order */
  __u32 reserved;
};
POLLUX_SHARED_ASSERT(sizeof(struct flow_statistics) == 32, "layout of flow_statistics");

struct flow_control {
  __u64 masks; /* low half: where in flow_masks they begin; high half: how many */
  __u32 epoch; /* entries of the cache with another one are invalid */
  __u32 reserved;
};

/* An output. */
struct flow_port {
  __u32 maximum_length;        /* of a frame from XDP, without frame check sequence; 0: not ready */
  __u32 maximum_buffer_length; /* of a frame from TC, an sk_buff */
  __u32 ifindex;
  __u32 reserved;
};
POLLUX_SHARED_ASSERT(sizeof(struct flow_port) == 16, "layout of flow_port");

/* flow_cpu.counters: what became of packets that were looked at. */
enum flow_counter {
  FLOW_COUNT_HIT = 0,   /* an action was applied */
  FLOW_COUNT_CACHE_HIT, /* the flow was in the exact-match cache; beside the others */
  FLOW_COUNT_MISS,      /* no flow; this and all that follow go up */
  FLOW_COUNT_TRUNCATED,
  FLOW_COUNT_HEADERS,   /* not followed: more than two tags, IPv6 extension headers, 802.3 */
  FLOW_COUNT_CHECKSUM,  /* unfinished, or one that the action would have to change and cannot */
  FLOW_COUNT_TOO_LONG,  /* for the output */
  FLOW_COUNT_NOT_READY, /* the output */
  FLOW_COUNT_NO_ROOM,   /* for another tag */
  FLOW_COUNT_LOST,      /* at TC: changed in part, and no memory for the rest; it is dropped */
};

/* Of each CPU. A program is in while entered != left; both only grow. */
struct flow_cpu {
  __u64 entered;
  __u64 left;
  __u64 tick; /* of the kernel, when it was now_ns */
  __u64 now_ns;
  __u64 counters[FLOW_COUNTERS];
};
POLLUX_SHARED_ASSERT(sizeof(struct flow_cpu) == 128, "layout of flow_cpu");

/* All 0 is the entry of no packet: none has the EtherType 0. */
struct flow_cache_entry {
  struct flow_key key;
  __u32 flow;
  __u32 generation;
};
POLLUX_SHARED_ASSERT(sizeof(struct flow_cache_entry) == 80, "layout of flow_cache_entry");

/* Of one port's program; set before it is loaded. */
struct flow_options {
  __u32 port;
  __u32 statistics_slots; /* of each flow; a power of two */
  __u32 unfinished;       /* senders may leave TCP and UDP checksums unfinished, as behind a veth */
  __u32 own_counters;     /* counters of a CPU have one writer, whose stores are seen in their order: no atomic additions */
  __u32 own_statistics;   /* those of a flow too: there is a slot for each CPU */
  __u32 reserved;
  __u64 multipliers[FLOW_KEY_WORDS]; /* of the cache's hash: odd, and not to be guessed by who sends packets */
};
POLLUX_SHARED_ASSERT(sizeof(struct flow_options) == 96, "layout of flow_options");

#endif /* BPF_FLOW_SHARED_H_ */
