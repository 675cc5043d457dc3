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
struct Packet {
  std::byte* data = nullptr;  // first byte of the packet (the Ethernet header)
  uint32_t length = 0;        // bytes from data on
  uint16_t pool = 0;          // Pool::id() of the frame's pool
  uint16_t reserved = 0;      // zero; for metadata bits to come (multi-buffer, checksum)

  std::span<std::byte> bytes() const { return {data, length}; }
};
static_assert(sizeof(Packet) == 16 && std::is_trivially_copyable_v<Packet>);

// What a burst holds at most in the tools, and what the drivers are tuned for.
inline constexpr std::size_t kDefaultBurst = 32;
inline constexpr std::size_t kMaximumBurst = 512;

}  // namespace pollux::mempool

#endif  // MEMPOOL_PACKET_H_
