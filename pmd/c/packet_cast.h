// SPDX-License-Identifier: Apache-2.0
// A pollux_packet is a mempool::Packet under another name.
#ifndef PMD_C_PACKET_CAST_H_
#define PMD_C_PACKET_CAST_H_

#include <cstddef>
#include <span>

#include "mempool/packet.h"
#include "pmd/c/pollux.h"

namespace pollux::pmd::c {

static_assert(sizeof(pollux_packet) == sizeof(mempool::Packet) && alignof(pollux_packet) == alignof(mempool::Packet));
static_assert(offsetof(pollux_packet, data) == offsetof(mempool::Packet, data));
static_assert(offsetof(pollux_packet, length) == offsetof(mempool::Packet, length));
static_assert(offsetof(pollux_packet, pool) == offsetof(mempool::Packet, pool));
static_assert(offsetof(pollux_packet, flags) == offsetof(mempool::Packet, flags));
static_assert(POLLUX_PACKET_CONTINUES == mempool::Packet::kContinues && POLLUX_MOST_FRAMES == mempool::kMostFramesOfPacket);

static_assert(POLLUX_PACKET_RX_METADATA == mempool::Packet::kRxMetadata && POLLUX_PACKET_TX_METADATA == mempool::Packet::kTxMetadata);

inline std::span<mempool::Packet> PacketsOf(pollux_packet* packets, std::size_t count) {
  return {reinterpret_cast<mempool::Packet*>(packets), count};
}
inline std::span<const mempool::Packet> PacketsOf(const pollux_packet* packets, std::size_t count) {
  return {reinterpret_cast<const mempool::Packet*>(packets), count};
}

}  // namespace pollux::pmd::c

#endif  // PMD_C_PACKET_CAST_H_
