/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
// What the steering program knows of a packet (parsing.bpf.h).
#ifndef BPF_PACKET_FACTS_H_
#define BPF_PACKET_FACTS_H_

#include <linux/if_ether.h>
#include <linux/types.h>

enum { MAXIMUM_VLAN_TAGS = 2 };

struct packet_facts {
  __u32 source[4];  // IP addresses as on the wire; IPv4 in the first word
  __u32 destination[4];
  __u8 ether_destination[ETH_ALEN];
  __u8 ether_source[ETH_ALEN];
  __u16 ether_type;  // after the VLAN tags; host byte order, as all below
  __u16 vlan_ids[MAXIMUM_VLAN_TAGS];
  __u16 source_port;
  __u16 destination_port;
  __u8 ether_known;
  __u8 vlan_count;
  __u8 family;  // 4 or 6; 0: no whole IP header
  __u8 protocol_known;
  __u8 protocol;
  __u8 fragment;
  __u8 ports_known;
  __u8 reserved;
};

#endif  // BPF_PACKET_FACTS_H_
