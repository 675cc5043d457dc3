// SPDX-License-Identifier: Apache-2.0
// Packet: the handle that travels through bursts.
#ifndef MEMPOOL_PACKET_H_
#define MEMPOOL_PACKET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace pollux::mempool {

// A packet in a frame of a Pool, by value: where its bytes start, how many there are, and which pool the frame returns to. It has
// the size of one AF_XDP descriptor, so that forwarding copies 16 bytes from ring to ring and touches no memory of the frame.
//
// Whoever holds the Packet owns the frame (docs/ownership.md): exactly one holder may send it or free it, once. The holder
// may move `data` anywhere inside the frame (Pool::Headroom and Pool::Tailroom say how far), and set `length` accordingly.
//
// A packet longer than a frame is scattered: one of these for each frame, in a row in a burst, all but the last with kContinues. Only
// ports whose user asked for it yield such packets (pmd::DeviceConfig::scattered); pmd/queue.h says what bursts and counts are then.
struct Packet {
  static constexpr uint16_t kContinues = 1;   // the packet goes on in the burst's next element, as the kernel's XDP_PKT_CONTD says it
  static constexpr uint16_t kTxMetadata = 2;  // the bytes in front say what it asks of the device that sends it (pmd/tx_metadata.h)
  static constexpr uint16_t kRxMetadata = 4;  // in front of the packet lies what the device told of it: pmd/rx_metadata.h

  std::byte* data = nullptr;  // first byte of the packet (the Ethernet header)
  uint32_t length = 0;        // bytes from data on
  uint16_t pool = 0;          // Pool::id() of the frame's pool
  uint16_t flags = 0;         // kContinues, kTxMetadata, kRxMetadata; the other bits are zero

  std::span<std::byte> bytes() const { return {data, length}; }
  bool continues() const { return (flags & kContinues) != 0; }
  bool has_tx_metadata() const { return (flags & kTxMetadata) != 0; }
};
static_assert(sizeof(Packet) == 16 && std::is_trivially_copyable_v<Packet>);

// What a burst holds at most in the tools, and what the drivers are tuned for.
inline constexpr std::size_t kDefaultBurst = 32;
inline constexpr std::size_t kMaximumBurst = 512;

// Frames of one packet at most: the linear part of an sk_buff and its fragments (MAX_SKB_FRAGS, 17 where the kernel was not built for
// more), which is what an AF_XDP socket sends in copy mode.
inline constexpr std::size_t kMostFramesOfPacket = 18;

// How many elements the first packet of a burst that is not empty takes; all that are left where the burst was cut.
inline std::size_t FramesOfFirst(std::span<const Packet> packets) {
  std::size_t frames = 1;
  while (packets[frames - 1].continues() && frames < packets.size()) ++frames;
  return frames;
}

// Packets in a burst, which has as many elements only if none is scattered.
inline std::size_t CountPackets(std::span<const Packet> packets) {
  std::size_t continuing = 0;
  for (const Packet& packet : packets) continuing += packet.flags & Packet::kContinues;
  return packets.size() - continuing;
}

// The first packets of a burst, at most `most` elements of them, which is kMostFramesOfPacket or more: none is cut.
inline std::span<const Packet> WholePackets(std::span<const Packet> packets, std::size_t most) {
  if (packets.size() <= most) return packets;
  while (packets[most - 1].continues()) --most;
  return packets.first(most);
}

}  // namespace pollux::mempool

#endif  // MEMPOOL_PACKET_H_
