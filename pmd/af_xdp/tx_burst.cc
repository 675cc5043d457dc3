// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/tx_burst.h"

#include <net/ethernet.h>

#include <algorithm>
#include <cstring>

namespace pollux::pmd::af_xdp {
namespace {

constexpr std::size_t kPrefetchAhead = 4;

bool IsMisplaced(const XskTxRing& ring, const Packet& packet) {
  return packet.pool != ring.pool().id() || !ring.IsRoomBefore(packet);
}

void CarryRequest(const Packet& packet, Packet& copy) {
  if (packet.has_tx_metadata()) CopyRequest(packet, mempool::Pool::FromId(packet.pool).Headroom(packet), copy);
}

// A copy starts where a packet of our pool starts, so it may be shorter than one that starts elsewhere.
std::size_t LongestCopy(const XskTxRing& ring) {
  return std::min(ring.maximum_length(), ring.pool().maximum_length());
}

bool MayCopy(const XskTxRing& ring, const Packet& packet, std::size_t longest) {
  return IsMisplaced(ring, packet) && !packet.continues() && packet.length >= ETH_HLEN && packet.length <= longest;
}

std::size_t LengthOf(std::span<const Packet> frames) {
  std::size_t length = 0;
  for (const Packet& frame : frames) length += frame.length;
  return length;
}

std::size_t FramesFor(const XskTxRing& ring, std::size_t length) {
  const std::size_t room = ring.pool().maximum_length();
  return (length + room - 1) / room;
}

void Drop(lcore::Counter& cause, std::span<const Packet> frames) {
  cause.Add(1);
  mempool::Pool::Free(frames);
}

}  // namespace

bool NeedsSeveralFrames(const XskTxRing& ring, std::span<const Packet> frames) {
  return frames.size() > 1 || frames.front().length > LongestCopy(ring);
}

// One of a single frame that could have been sent as it is, but for its length, is longer than that frame.
bool DropHopeless(const XskTxRing& ring, TxCounters& counters, std::span<const Packet> frames) {
  const bool single = frames.size() == 1;
  const std::size_t length = LengthOf(frames);
  const bool too_many = FramesFor(ring, length) > ring.most_frames();
  if (length < ETH_HLEN) {
    Drop(counters.dropped_too_short, frames);
  } else if (length > ring.maximum_length() || (single && (too_many || !IsMisplaced(ring, frames.front())))) {
    Drop(counters.dropped_too_long, frames);
  } else if (too_many) {
    Drop(counters.dropped_too_many_frames, frames);
  } else {
    return false;
  }
  return true;
}

std::size_t CopyScattered(XskTxRing& ring, TxCounters& counters, std::span<const Packet> frames, Packet* copies) {
  const std::size_t room = ring.pool().maximum_length();
  const std::size_t count = FramesFor(ring, LengthOf(frames));
  const std::size_t got = ring.pool().Allocate({copies, count});
  if (got < count) {
    counters.no_frame.Add(1);
    mempool::Pool::Free({copies, got});
    return 0;
  }
  Packet* copy = copies;
  CarryRequest(frames.front(), *copy);
  for (const Packet& frame : frames) {
    for (std::size_t done = 0; done < frame.length;) {
      if (copy->length == room) {
        copy->flags |= Packet::kContinues;
        ++copy;
      }
      const std::size_t some = std::min<std::size_t>(frame.length - done, room - copy->length);
      std::memcpy(copy->data + copy->length, frame.data + done, some);
      copy->length += static_cast<uint32_t>(some);
      done += some;
    }
  }
  return count;
}

// Packets from another NUMA node's pool (or a driver's own), as a rule: the one copy there is in user space, and it is counted.
std::size_t CopyMisplaced(XskTxRing& ring, TxCounters& counters, std::span<const Packet> packets, Packet* copies) {
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
    CarryRequest(packets[index], copies[index]);
  }
  return got;
}

}  // namespace pollux::pmd::af_xdp
