// SPDX-License-Identifier: Apache-2.0
// A packet in a line of text, as DPDK prints it under `set verbose`.
#ifndef TOOLS_TESTPMD_ENGINES_DESCRIBE_PACKET_H_
#define TOOLS_TESTPMD_ENGINES_DESCRIBE_PACKET_H_

#include <cstddef>
#include <span>
#include <string>

#include "mempool/packet.h"

namespace pollux::testpmd {

// Returns "src=02:00:00:00:00:01 - dst=02:00:00:00:00:02 - type=0x0800 - length=60 - nb_segs=1 - sw ptype: L2_ETHER L3_IPV4 L4_UDP
// - l2_len=14 - l3_len=20 - l4_len=8", in one line. `type` is the one behind the VLAN tags.
std::string DescribePacket(std::span<const std::byte> packet);
// The same of a packet of `length` bytes in `segments` frames, of which `first` is the first.
std::string DescribePacket(std::span<const std::byte> first, std::size_t length, std::size_t segments);

// Returns "port 0/queue 1: received 2 packets" (or "sent"), then a line for each packet, indented by two, of a received one
// with what the device told of it (pmd/rx_metadata.h); all end in a line feed.
std::string DescribeBurst(std::size_t port, std::size_t queue, bool received, std::span<const mempool::Packet> packets);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_DESCRIBE_PACKET_H_
