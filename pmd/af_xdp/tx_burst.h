// SPDX-License-Identifier: Apache-2.0
// How a burst gets into an XskTxRing, whoever else uses it: the packets of our pool as they are, those of other pools as copies, and those
// that cannot be sent not at all.
#ifndef PMD_AF_XDP_TX_BURST_H_
#define PMD_AF_XDP_TX_BURST_H_

#include <cstddef>
#include <span>

#include "mempool/packet.h"
#include "pmd/af_xdp/xsk_tx_ring.h"

namespace pollux::pmd::af_xdp {

inline constexpr std::size_t kMostCopies = 32;

// Copies the run of packets of other pools at the head of `packets`, up to kMostCopies, into frames of the ring's pool; returns how many.
// The originals stay the caller's.
std::size_t CopyForeign(XskTxRing& ring, TxCounters& counters, std::span<const Packet> packets, Packet* copies);
// Takes the head of `packets` if it can be sent by no means: counts and frees it.
bool DropHopeless(const XskTxRing& ring, TxCounters& counters, const Packet& packet);

// Takes the first packets of a burst; returns how many. `put` puts the first of some packets into the ring, up to one that the ring cannot
// send as it is, and may do less than the ring has room for: it is called until it does nothing.
template <typename Put>
std::size_t TakeBurst(XskTxRing& ring, TxCounters& counters, std::span<const Packet> packets, Put&& put) {
  std::size_t taken = 0;
  while (taken < packets.size()) {
    const std::size_t as_they_are = put(packets.subspan(taken));
    taken += as_they_are;
    if (taken == packets.size()) break;
    const std::span<const Packet> rest = packets.subspan(taken);
    if (ring.MaySend(rest.front())) {
      if (as_they_are > 0) continue;
      counters.ring_full.Add(1);
      break;
    }
    if (DropHopeless(ring, counters, rest.front())) {
      ++taken;
      continue;
    }
    // Before the copies: a full ring would have them all undone.
    if (!ring.has_room()) {
      counters.ring_full.Add(1);
      break;
    }
    Packet copies[kMostCopies];
    const std::size_t count = CopyForeign(ring, counters, rest, copies);
    if (count == 0) break;
    std::size_t copied = 0;
    while (copied < count) {
      const std::size_t some = put(std::span<const Packet>(copies + copied, count - copied));
      if (some == 0) break;
      copied += some;
    }
    mempool::Pool::Free(rest.first(copied));
    mempool::Pool::Free({copies + copied, count - copied});
    counters.copied.Add(copied);
    taken += copied;
    if (copied < count) {
      counters.ring_full.Add(1);
      break;
    }
  }
  counters.taken.Add(taken);
  return taken;
}

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_TX_BURST_H_
