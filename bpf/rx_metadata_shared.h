/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What the programs that are bound to a device find out about a packet, and leave in front of it for the socket:
 *
 *        data - 32                        data
 *           |<-------- rx_metadata -------->|<------ packet ...
 *
 * A descriptor does not say whether it is there. The mark does: it is next to the packet, so that whatever is put in front of the packet
 * later goes over it. The receive queue turns a mark of the program into its own, so that what an earlier packet left in a frame is never
 * taken for that of a later one.
 */
#ifndef BPF_RX_METADATA_SHARED_H_
#define BPF_RX_METADATA_SHARED_H_

#include "bpf/xdp_shared.h"

/* rx_metadata.valid, and what a program is asked for: bits as those of the kernel's NETDEV_XDP_RX_METADATA_*. */
enum {
  RX_METADATA_TIMESTAMP = 1,
  RX_METADATA_HASH = 2,
  RX_METADATA_VLAN_TAG = 4,
};

#define RX_METADATA_WRITTEN 0x6d786c70u  /* by the program */
#define RX_METADATA_RECEIVED 0x4d786c70u /* the receive queue has seen it */

struct rx_metadata {
  __u64 timestamp_ns; /* of the device's clock */
  __u32 hash;
  __u32 hash_type;     /* the kernel's enum xdp_rss_hash_type */
  __u16 vlan_protocol; /* host byte order: 0x8100, 0x88a8 */
  __u16 vlan_control;  /* host byte order: priority and number */
  __u32 valid;         /* which of the above there are */
  __u32 reserved;
  __u32 mark;
};
POLLUX_SHARED_ASSERT(sizeof(struct rx_metadata) == 32, "layout of rx_metadata");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct rx_metadata, vlan_protocol) == 16, "layout of rx_metadata");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct rx_metadata, valid) == 20, "layout of rx_metadata");
POLLUX_SHARED_ASSERT(__builtin_offsetof(struct rx_metadata, mark) == 28, "layout of rx_metadata");

/* Options of a bound program, set before it is loaded. Another process that shares the interface reads them. */
struct bound_options {
  __u32 put_vlan_tag; /* into the packet's bytes */
  __u32 rx_metadata;  /* RX_METADATA_*: what is left in front; 0: nothing */
};
#define POLLUX_BOUND_OPTIONS_SECTION ".rodata.bound" /* and the name of the map that has them */

#endif /* BPF_RX_METADATA_SHARED_H_ */
