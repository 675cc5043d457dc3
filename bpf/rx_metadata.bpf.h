// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Time stamp, hash and VLAN tag, as the device tells them, in front of a packet that goes to a socket (rx_metadata_shared.h). In the
// programs that are bound to a device; the others have nobody to ask, and this is nothing there.
#ifndef BPF_RX_METADATA_BPF_H_
#define BPF_RX_METADATA_BPF_H_

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/rx_metadata_shared.h"
#include "bpf/vlan_tag.bpf.h"
#include "bpf/wake_stamp.bpf.h"

#ifdef POLLUX_BOUND_PROGRAM

// include/net/xdp.h; the values are not needed here.
enum xdp_rss_hash_type { XDP_RSS_TYPE_NONE = 0 };

// Documentation/networking/xdp-rx-metadata.rst; Linux 6.3.
extern int bpf_xdp_metadata_rx_timestamp(const struct xdp_md* context, __u64* timestamp) __ksym __weak;
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md* context, __u32* hash, enum xdp_rss_hash_type* type) __ksym __weak;

// Known to the verifier when the program is loaded: what is not asked for is no code.
static __always_inline void ask_device(struct xdp_md* context, struct rx_metadata* metadata) {
  // A time stamp of 0 is none: veth has that of an sk_buff, and most have no time.
  if ((bound_options.rx_metadata & RX_METADATA_TIMESTAMP) && bpf_xdp_metadata_rx_timestamp(context, &metadata->timestamp_ns) == 0 &&
      metadata->timestamp_ns != 0)
    metadata->valid |= RX_METADATA_TIMESTAMP;
  enum xdp_rss_hash_type type = XDP_RSS_TYPE_NONE;
  if ((bound_options.rx_metadata & RX_METADATA_HASH) && bpf_xdp_metadata_rx_hash(context, &metadata->hash, &type) == 0) {
    metadata->hash_type = type;
    metadata->valid |= RX_METADATA_HASH;
  }
  __be16 protocol = 0;
  __u16 control = 0;
  if ((bound_options.rx_metadata & RX_METADATA_VLAN_TAG) && bpf_xdp_metadata_rx_vlan_tag(context, &protocol, &control) == 0) {
    metadata->vlan_protocol = bpf_ntohs(protocol);
    metadata->vlan_control = control;
    metadata->valid |= RX_METADATA_VLAN_TAG;
  }
}

// Of a packet that nothing else is done to by the program. One that comes with metadata of somebody else's keeps that.
static __always_inline void leave_metadata(struct xdp_md* context) {
  if (bound_options.rx_metadata == 0) return;
  if ((void*)(long)context->data_meta + sizeof(__u32) <= (void*)(long)context->data) return;
  struct rx_metadata metadata = {};
  ask_device(context, &metadata);
  metadata.mark = RX_METADATA_WRITTEN;
  if (bpf_xdp_adjust_meta(context, -(int)sizeof(metadata)) != 0) return;
  struct rx_metadata* to = (void*)(long)context->data_meta;
  if ((void*)(to + 1) > (void*)(long)context->data) return;
  __builtin_memcpy(to, &metadata, sizeof(metadata));
}

#else

static __always_inline void leave_metadata(struct xdp_md* context) {
  (void)context;
}

#endif

// The end of every program: to the socket of the packet's receive queue; where there is none, to the kernel, without metadata of ours.
static __always_inline int redirect_to_socket(struct xdp_md* context, void* sockets) {
  const int verdict = bpf_redirect_map(sockets, context->rx_queue_index, XDP_PASS);
  if (verdict == XDP_REDIRECT) {
    stamp_arrival(context->rx_queue_index);
    leave_metadata(context);
  }
  return verdict;
}

#endif  // BPF_RX_METADATA_BPF_H_
