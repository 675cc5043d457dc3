// SPDX-License-Identifier: Apache-2.0
// Fields of a packet: of any alignment, in network byte order.
#ifndef PMD_NETWORK_ORDER_H_
#define PMD_NETWORK_ORDER_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pollux::pmd {

// A number as it stands in a packet, for comparing with fields and adding to sums that are kept as the bytes lie in memory.
constexpr uint16_t NetworkOrder16(uint16_t value) {
  return std::endian::native == std::endian::little ? static_cast<uint16_t>(value << 8 | value >> 8) : value;
}

inline uint16_t LoadBig16(const std::byte* field) {
  uint16_t value;
  std::memcpy(&value, field, sizeof(value));
  return NetworkOrder16(value);
}

inline void StoreBig16(std::byte* field, uint16_t value) {
  value = NetworkOrder16(value);
  std::memcpy(field, &value, sizeof(value));
}

}  // namespace pollux::pmd

#endif  // PMD_NETWORK_ORDER_H_
