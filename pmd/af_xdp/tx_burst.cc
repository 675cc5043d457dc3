// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/tx_burst.h"

#include <net/ethernet.h>

#include <algorithm>
#include <cstring>

namespace pollux::pmd::af_xdp {
namespace {

constexpr std::size_t kPrefetchAhead = 4;

bool IsForeign(const XskTxRing& ring, const Packet& packet) {
  return packet.pool != ring.pool().id();
}

// A copy starts where a packet of our pool starts, so it may be shorter than one that starts elsewhere.
std::size_t LongestCopy(const XskTxRing& ring) {
  return std::min(ring.maximum_length(), ring.pool().maximum_length());
}

bool MayCopy(const XskTxRing& ring, const Packet& packet, std::size_t longest) {
  return IsForeign(ring, packet) && packet.length >= ETH_HLEN && packet.length <= longest;
}

}  // namespace

bool DropHopeless(const XskTxRing& ring, TxCounters& counters, const Packet& packet) {
  if (MayCopy(ring, packet, LongestCopy(ring))) return false;
  (packet.length < ETH_HLEN ? counters.dropped_too_short : counters.dropped_too_long).Add(1);
  mempool::Pool::Free({&packet, 1});
  return true;
}

// Packets from another NUMA node's pool (or a driver's own): the one copy there is in user space, and it is counted.
std::size_t CopyForeign(XskTxRing& ring, TxCounters& counters, std::span<const Packet> packets, Packet* copies) {
  const std::size_t longest = LongestCopy(ring);
  std::size_t count = 0;
  while (count < std::min(packets.size(), kMostCopies) && MayCopy(ring, packets[count], longest)) ++count;
  const std::size_t got = ring.pool().Allocate({copies, count});
  if (got < count) counters.no_frame.Add(1);
  for (std::size_t index = 0; index < std::min(got, kPrefetchAhead); ++index) __builtin_prefetch(packets[index].data);
  for (std::size_t index = 0; index < got; ++index) {
    if (index + kPrefetchAhead < got) __builtin_prefetch(packets[index + kPrefetchAhead].data);
    std::memcpy(copies[index].data, packets[index].data, packets[index].length);
    copies[index].length = packets[index].length;
  }
  return got;
}

}  // namespace pollux::pmd::af_xdp
