// SPDX-License-Identifier: Apache-2.0
// BurstRewriter: the part of a forward mode that changes packets in place.
#ifndef TOOLS_TESTPMD_ENGINES_BURST_REWRITER_H_
#define TOOLS_TESTPMD_ENGINES_BURST_REWRITER_H_

#include <algorithm>
#include <cstddef>
#include <span>

#include "tools/testpmd/engines/burst.h"
#include "tools/testpmd/engines/packet_headers.h"
#include "tools/testpmd/engines/stream.h"

namespace pollux::testpmd {

class BurstRewriter {
 public:
  virtual ~BurstRewriter() = default;

  // Rewrites packets in place. Frees those without a whole Ethernet header, counts them as too_short and closes the gaps: the returned
  // ones are at the front, in order.
  virtual std::span<Packet> Rewrite(Stream& stream, std::span<Packet> packets) = 0;
};

// EditEach where packets may have several frames: the headers are in the first.
template <typename Edit>
std::span<Packet> EditEachScattered(Stream& stream, std::span<Packet> packets, Edit edit) {
  std::size_t kept = 0;
  for (std::size_t index = 0; index < packets.size();) {
    const std::span<Packet> frames = packets.subspan(index, mempool::FramesOfFirst(packets.subspan(index)));
    index += frames.size();
    if (frames.front().length < kEthernetBytes) {
      FreeBurst(stream, frames, stream.stats.too_short);
      continue;
    }
    std::copy(frames.begin(), frames.end(), packets.begin() + static_cast<std::ptrdiff_t>(kept));
    edit(packets[kept]);
    kept += frames.size();
  }
  return packets.first(kept);
}

// Calls edit(Packet&) for all packets that have an Ethernet header, as BurstRewriter::Rewrite describes. Headers are fetched
// ahead: by the time that a packet is edited its first cache line has arrived.
template <typename Edit>
std::span<Packet> EditEach(Stream& stream, std::span<Packet> packets, Edit edit) {
  if (stream.scattered) [[unlikely]]
    return EditEachScattered(stream, packets, edit);
  constexpr std::size_t kAhead = 8;
  for (std::size_t index = 0; index < packets.size() && index < kAhead; ++index) __builtin_prefetch(packets[index].data, 1);
  std::size_t kept = 0;
  for (std::size_t index = 0; index < packets.size(); ++index) {
    if (index + kAhead < packets.size()) __builtin_prefetch(packets[index + kAhead].data, 1);
    if (packets[index].length < kEthernetBytes) [[unlikely]] {
      FreeBurst(stream, packets.subspan(index, 1), stream.stats.too_short);
      continue;
    }
    if (kept != index) packets[kept] = packets[index];
    edit(packets[kept]);
    ++kept;
  }
  return packets.first(kept);
}

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_BURST_REWRITER_H_
