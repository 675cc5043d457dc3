// SPDX-License-Identifier: Apache-2.0
// How a burst gets into an XskTxRing, whoever else uses it: the packets of our pool as they are, those of other pools as copies, and those
// that cannot be sent not at all.
#ifndef PMD_AF_XDP_TX_BURST_H_
#define PMD_AF_XDP_TX_BURST_H_

#include <algorithm>
#include <cstddef>
#include <span>

#include "mempool/packet.h"
#include "pmd/af_xdp/xsk_tx_ring.h"

namespace pollux::pmd::af_xdp {

inline constexpr std::size_t kMostCopies = 32;
static_assert(kMostCopies >= mempool::kMostFramesOfPacket);

// Copies the run of packets of other pools at the head of `packets`, up to kMostCopies, into frames of the ring's pool, and those that
// start where the kernel accepts none; returns how many. The originals stay the caller's.
std::size_t CopyMisplaced(XskTxRing& ring, TxCounters& counters, std::span<const Packet> packets, Packet* copies);
// Copies a packet of one or several frames, of whatever pools, into as few frames of the ring's pool as hold it; returns how many. The
// originals stay the caller's.
std::size_t CopyScattered(XskTxRing& ring, TxCounters& counters, std::span<const Packet> frames, Packet* copies);
// The packet's copy has several frames, or may have.
bool NeedsSeveralFrames(const XskTxRing& ring, std::span<const Packet> frames);
// Takes a packet if it can be sent by no means: counts and frees it.
bool DropHopeless(const XskTxRing& ring, TxCounters& counters, std::span<const Packet> frames);
// The frames of one packet can be sent as they are.
inline bool MaySend(const XskTxRing& ring, std::span<const Packet> frames) {
  const bool alone = frames.size() > 1 || frames.front().has_tx_metadata();
  return alone ? ring.MaySendByItself(frames) : ring.MaySend(frames.front()) && ring.IsRoomBefore(frames.front());
}

// Takes the first packets of a burst; returns how many elements. `put` puts the first of some packets into the ring, up to one that the
// ring cannot send as it is, and may do less than the ring has room for: it is called until it does nothing. A packet of several frames it
// puts alone, or not at all.
template <typename Put>
std::size_t TakeBurst(XskTxRing& ring, TxCounters& counters, std::span<const Packet> packets, Put&& put) {
  std::size_t taken = 0;
  std::size_t continuing = 0;  // elements among these that are no packet's last
  while (taken < packets.size()) {
    const bool is_scattered = packets[taken].continues();
    const std::size_t as_they_are = put(packets.subspan(taken));
    if (is_scattered && as_they_are > 0) [[unlikely]]
      continuing += as_they_are - 1;
    taken += as_they_are;
    if (taken == packets.size()) break;
    const std::span<const Packet> rest = packets.subspan(taken);
    const std::span<const Packet> frames = rest.first(mempool::FramesOfFirst(rest));
    if (MaySend(ring, frames)) {
      if (as_they_are > 0) continue;
      counters.ring_full.Add(1);
      break;
    }
    if (DropHopeless(ring, counters, frames)) {
      taken += frames.size();
      continuing += frames.size() - 1;
      continue;
    }
    // Before the copies: a full ring would have them all undone.
    if (!ring.has_room()) {
      counters.ring_full.Add(1);
      break;
    }
    Packet copies[kMostCopies];
    const bool several = NeedsSeveralFrames(ring, frames);
    const std::size_t count = several ? CopyScattered(ring, counters, frames, copies) : CopyMisplaced(ring, counters, rest, copies);
    if (count == 0) break;
    std::size_t put_count = 0;
    while (put_count < count) {
      const std::size_t some = put(std::span<const Packet>(copies + put_count, count - put_count));
      if (some == 0) break;
      put_count += some;
    }
    mempool::Pool::Free({copies + put_count, count - put_count});
    const std::size_t copied = several ? (put_count > 0 ? frames.size() : 0) : put_count;
    mempool::Pool::Free(rest.first(copied));
    counters.copied.Add(several ? std::min<std::size_t>(copied, 1) : copied);
    if (several && copied > 0) continuing += copied - 1;
    taken += copied;
    if (put_count < count) {
      counters.ring_full.Add(1);
      break;
    }
  }
  counters.taken.Add(taken - continuing);
  return taken;
}

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_TX_BURST_H_
