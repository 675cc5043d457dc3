// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A VLAN tag that the device keeps beside the packet: put into the bytes before the packet goes to a socket, which has no place for it
// beside them. In the programs that are bound to a device (xdp_*_tagged.bpf.c); the others have nobody to ask, and this is nothing there.
#ifndef BPF_VLAN_TAG_BPF_H_
#define BPF_VLAN_TAG_BPF_H_

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/rx_metadata_shared.h"

#ifdef POLLUX_BOUND_PROGRAM

// In a section of their own: the maps of the other options are compared byte by byte.
const volatile struct bound_options bound_options SEC(POLLUX_BOUND_OPTIONS_SECTION) = {};

// Documentation/networking/xdp-rx-metadata.rst; Linux 6.8.
extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md* context, __be16* protocol, __u16* control) __ksym __weak;

struct tagged_addresses {
  __u32 words[3];  // both MAC addresses
  __be16 protocol;
  __be16 control;
};

// Returns whether there was a tag.
static __always_inline int put_vlan_tag(struct xdp_md* context) {
  if (!bound_options.put_vlan_tag) return 0;
  __be16 protocol = 0;
  __u16 control = 0;
  if (bpf_xdp_metadata_rx_vlan_tag(context, &protocol, &control) != 0) return 0;
  if (bpf_xdp_adjust_head(context, -(int)sizeof(__u32)) != 0) return 0;
  struct tagged_addresses* to = (void*)(long)context->data;
  if ((void*)(to + 1) + sizeof(__be16) > (void*)(long)context->data_end) return 0;
  const __u32* from = (void*)to + sizeof(__u32);
  to->words[0] = from[0];
  to->words[1] = from[1];
  to->words[2] = from[2];
  to->protocol = protocol;
  to->control = bpf_htons(control);
  return 1;
}

// As it was: for a packet that goes to the kernel, which has the tag still.
static __always_inline void take_vlan_tag(struct xdp_md* context) {
  __u32* from = (void*)(long)context->data;
  if ((void*)(from + 4) > (void*)(long)context->data_end) return;
  const __u32 first = from[0], second = from[1], third = from[2];
  from[1] = first;
  from[2] = second;
  from[3] = third;
  bpf_xdp_adjust_head(context, sizeof(__u32));
}

#else

static __always_inline int put_vlan_tag(struct xdp_md* context) {
  (void)context;
  return 0;
}
static __always_inline void take_vlan_tag(struct xdp_md* context) {
  (void)context;
}

#endif

#endif  // BPF_VLAN_TAG_BPF_H_
