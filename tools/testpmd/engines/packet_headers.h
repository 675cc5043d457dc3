// SPDX-License-Identifier: Apache-2.0
// Where the headers of a packet are, and how to read and write their fields.
//
//     | Ethernet 14 | VLAN tags 0..2 x 4 | IPv4 20..60, or IPv6 40 + extension headers | transport ... | padding |
//                                        ^ network_offset                               ^ transport_offset
//                                                                                      |<- transport_length ->|
#ifndef TOOLS_TESTPMD_ENGINES_PACKET_HEADERS_H_
#define TOOLS_TESTPMD_ENGINES_PACKET_HEADERS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace pollux::testpmd {

inline constexpr std::size_t kMacBytes = 6;
inline constexpr std::size_t kEthernetBytes = 14;
inline constexpr std::size_t kVlanTagBytes = 4;
inline constexpr std::size_t kMaximumVlanTags = 2;
inline constexpr std::size_t kIpv4Bytes = 20;  // without options
inline constexpr std::size_t kIpv6Bytes = 40;  // without extension headers
inline constexpr std::size_t kUdpBytes = 8;
inline constexpr std::size_t kTcpBytes = 20;  // without options
static_assert(kEthernetBytes == 2 * kMacBytes + 2);

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86DD;
inline constexpr uint16_t kEtherTypeServiceVlan = 0x88A8;     // 802.1ad
inline constexpr uint16_t kEtherTypeOldServiceVlan = 0x9100;  // before 802.1ad

inline constexpr uint8_t kProtocolIcmp = 1;
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;
inline constexpr uint8_t kProtocolIcmpv6 = 58;

// Fields of any alignment, in network byte order.
inline uint16_t LoadBig16(const std::byte* field) {
  uint16_t value;
  std::memcpy(&value, field, sizeof(value));
  return std::endian::native == std::endian::little ? __builtin_bswap16(value) : value;
}
inline uint32_t LoadBig32(const std::byte* field) {
  return uint32_t{LoadBig16(field)} << 16 | LoadBig16(field + 2);
}
inline void StoreBig16(std::byte* field, uint16_t value) {
  if (std::endian::native == std::endian::little) value = __builtin_bswap16(value);
  std::memcpy(field, &value, sizeof(value));
}
inline void StoreBig32(std::byte* field, uint32_t value) {
  StoreBig16(field, static_cast<uint16_t>(value >> 16));
  StoreBig16(field + 2, static_cast<uint16_t>(value));
}

// Exchanges two fields that do not overlap.
template <std::size_t kBytes>
inline void SwapFields(std::byte* first, std::byte* second) {
  std::byte kept[kBytes];
  std::memcpy(kept, first, kBytes);
  std::memcpy(first, second, kBytes);
  std::memcpy(second, kept, kBytes);
}

enum class NetworkLayer : uint8_t { kNone, kIpv4, kIpv6 };

// What ParseHeaders found. Every offset and length lies inside the packet.
struct PacketHeaders {
  uint16_t ether_type = 0;  // behind the VLAN tags
  uint8_t vlan_tags = 0;
  NetworkLayer network = NetworkLayer::kNone;  // kNone: not IP, or its header is malformed or cut off
  uint8_t protocol = 0;                        // behind all extension headers
  bool fragment = false;                       // the first or a later one
  // The transport header and payload are all there, and the pseudo header is known: their checksum can be computed.
  bool transport_complete = false;
  uint32_t network_offset = 0;
  uint32_t transport_offset = 0;
  uint32_t transport_length = 0;  // without padding; 0: none here, such as in a later fragment
};

// Reads nothing outside `packet`, whatever is in it. A packet shorter than kEthernetBytes has no ether_type.
PacketHeaders ParseHeaders(std::span<const std::byte> packet);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_PACKET_HEADERS_H_
