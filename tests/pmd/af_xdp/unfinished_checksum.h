// SPDX-License-Identifier: Apache-2.0
// Packets as a stack with checksum offload hands them over, made from finished ones.
#ifndef TESTS_PMD_AF_XDP_UNFINISHED_CHECKSUM_H_
#define TESTS_PMD_AF_XDP_UNFINISHED_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/support/packet_builder.h"

namespace pollux::support {

// The sum of a pseudo header, as a number: word by word as RFC 9293 and RFC 8200 write it.
inline uint16_t PseudoHeaderSum(const PacketBuilder::Frame& frame, std::size_t ip, uint8_t protocol, std::size_t length) {
  const bool ipv4 = static_cast<uint8_t>(frame.at(ip)) >> 4 == 4;
  const std::size_t addresses = ip + (ipv4 ? 12 : 8);
  uint32_t sum = protocol + static_cast<uint32_t>(length);
  for (std::size_t at = addresses; at < addresses + (ipv4 ? 8 : 32); at += 2) {
    sum += static_cast<uint32_t>(frame.at(at)) << 8 | static_cast<uint32_t>(frame.at(at + 1));
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// `frame` with the checksum of the segment at `transport` unfinished. The segment ends with the frame.
inline PacketBuilder::Frame Unfinished(PacketBuilder::Frame frame, std::size_t ip, std::size_t transport, uint8_t protocol) {
  const uint16_t sum = PseudoHeaderSum(frame, ip, protocol, frame.size() - transport);
  const std::size_t field = transport + (protocol == 6 ? 16 : 6);
  frame.at(field) = static_cast<std::byte>(sum >> 8);
  frame.at(field + 1) = static_cast<std::byte>(sum);
  return frame;
}

}  // namespace pollux::support

#endif  // TESTS_PMD_AF_XDP_UNFINISHED_CHECKSUM_H_
