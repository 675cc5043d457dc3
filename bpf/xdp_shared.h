/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the BPF programs and user space must agree on. C, for both compilers; sizes and offsets are asserted on both sides, and two
 * processes that share an interface compare these bytes.
 */
#ifndef BPF_XDP_SHARED_H_
#define BPF_XDP_SHARED_H_

#include <linux/types.h>

#ifdef __cplusplus
#define POLLUX_SHARED_ASSERT static_assert
#else
#define POLLUX_SHARED_ASSERT _Static_assert
#endif

/* Programs by which a second process knows them as ours: at most 15 characters, as the kernel keeps them. */
#define POLLUX_REDIRECT_PROGRAM "pollux_redirect"
#define POLLUX_STEER_PROGRAM "pollux_steer"
#define POLLUX_SOCKET_MAP "xsks_map"
#define POLLUX_PASSED_MAP "passed_packets"
#define POLLUX_WAKE_STAMPS_MAP "wake_stamps"

/* Entries of the socket map, 8 bytes each: more receive queues than NICs have, and room for drivers that add some later. */
#define POLLUX_MAXIMUM_QUEUES 4096

/* A stamp that the next packet of its queue is to fill in: no time at which a packet comes. */
enum { WAKE_STAMP_ARMED = 1 };

enum {
  STEER_MAXIMUM_RULES = 16,
  STEER_MAXIMUM_CONDITIONS = 4,
};

/* steer_condition.kind */
enum {
  STEER_ETHER_TYPE = 1, /* value */
  STEER_ETHER_ADDRESS,  /* direction; bytes 0-5 of address */
  STEER_VLAN,           /* value, or STEER_ANY_VLAN */
  STEER_FAMILY,         /* family alone */
  STEER_PROTOCOL,       /* value; family */
  STEER_PORT,           /* direction; value; protocol: TCP, UDP, or 0 for both; family */
  STEER_NETWORK,        /* direction; address, mask; family */
  STEER_FRAGMENT,       /* a fragment of an IP packet, the first one included; family */
};

/* steer_condition.direction: with both bits, either end may match. */
enum {
  STEER_SOURCE = 1,
  STEER_DESTINATION = 2,
};

enum { STEER_ANY_VLAN = 0xffff };

struct steer_condition {
  __u32 address[4]; /* as on the wire; IPv4 in the first word; bits outside the mask are 0 */
  __u32 mask[4];
  __u16 value; /* host byte order */
  __u8 kind;
  __u8 direction;
  __u8 protocol;
  __u8 family; /* 4, 6, or 0: either */
  __u8 reserved[2];
};
POLLUX_SHARED_ASSERT(sizeof(struct steer_condition) == 40, "layout of steer_condition");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct steer_condition, mask) == 16, "layout of steer_condition");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct steer_condition, value) == 32, "layout of steer_condition");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct steer_condition, kind) == 34, "layout of steer_condition");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct steer_condition, family) == 37, "layout of steer_condition");

/* A packet matches a rule when it meets all of the rule's conditions. */
struct steer_rule {
  struct steer_condition conditions[STEER_MAXIMUM_CONDITIONS];
  __u32 condition_count;
  __u32 negated; /* what matches is the kernel's */
};
POLLUX_SHARED_ASSERT(sizeof(struct steer_rule) == 168, "layout of steer_rule");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct steer_rule, condition_count) == 160, "layout of steer_rule");

/* The steering program's options, set before it is loaded. */
struct steer_options {
  struct steer_rule rules[STEER_MAXIMUM_RULES];
  __u32 rule_count;
  __u32 default_ours; /* a packet that no rule matches is ours: there are only negated rules */
};
POLLUX_SHARED_ASSERT(sizeof(struct steer_options) == 2696, "layout of steer_options");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct steer_options, rule_count) == 2688, "layout of steer_options");

#endif /* BPF_XDP_SHARED_H_ */
