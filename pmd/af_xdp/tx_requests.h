// SPDX-License-Identifier: Apache-2.0
// TxRequests: what becomes of what packets ask (pmd/tx_metadata.h) in the transmit ring of one socket.
//
// The kernel looks at no descriptor's request that it does not like: in copy mode it stops at one, and everything behind waits for good; so
// what it is given is checked here, against the rules of xsk_skb_metadata in net/xdp/xsk.c. And where the socket's memory is registered
// with metadata, the kernel skips every descriptor, asking or not, whose packet starts nearer to its frame's start than metadata is long
// (xp_aligned_validate_desc in net/xdp/xsk_queue.h), and never completes it: such a packet is copied into a frame with room (tx_burst.h).
#ifndef PMD_AF_XDP_TX_REQUESTS_H_
#define PMD_AF_XDP_TX_REQUESTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "lcore/counter.h"
#include "mempool/packet.h"
#include "pmd/tx_metadata.h"

namespace pollux::pmd::af_xdp {

using mempool::Packet;

// What a socket got.
struct TxGrant {
  bool registered = false;        // its memory is registered with metadata
  uint64_t asks = 0;              // bits of TxMetadata::asks that kernel and device do
  bool checksums_several = true;  // also the checksums of packets of several frames
};

struct TxRequestCounters {
  lcore::Counter handed_on;           // packets whose request went to the kernel
  lcore::Counter checksums_finished;  // by us: nobody else would
  lcore::Counter no_room;             // too little headroom to hold a request: what was asked is not known
  lcore::Counter out_of_range;        // start and offset of a checksum are not possible
  lcore::Counter unavailable;         // asked for a time, or for what is not known, that this port does not have
};

// In place of a request that could not be read, in the copy of a packet: counted as no_room when the copy goes out.
inline constexpr uint64_t kAskedUnreadably = uint64_t{1} << 63;

// Takes the request of a packet over to its copy, which has room.
void CopyRequest(const Packet& packet, std::size_t headroom, Packet& copy);

// Does what the grant does not have, and leaves the rest in front of the packet; returns what that is, 0: the packet goes without. `frames`
// are those of one packet that is marked; `headroom` is before the first.
uint64_t SettleRequest(const TxGrant& grant, std::span<const Packet> frames, std::size_t headroom, TxRequestCounters& counters);

// Time stamps of one tx queue until its user takes them. One thread at a time.
class KeptTimestamps {
 public:
  static constexpr std::size_t kMost = 512;

  // False: full.
  bool Add(const TxTimestamp& stamp) {
    if (end_ - begin_ == kMost) return false;
    stamps_[end_++ % kMost] = stamp;
    return true;
  }
  std::size_t Take(std::span<TxTimestamp> stamps) {
    const std::size_t count = std::min(stamps.size(), end_ - begin_);
    for (std::size_t index = 0; index < count; ++index) stamps[index] = stamps_[begin_++ % kMost];
    return count;
  }

 private:
  std::unique_ptr<TxTimestamp[]> stamps_ = std::make_unique<TxTimestamp[]>(kMost);
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_TX_REQUESTS_H_
