// SPDX-License-Identifier: Apache-2.0
// Checksums of headers, on top of pmd/internet_checksum.h, which says how sums are kept.
#ifndef TOOLS_TESTPMD_ENGINES_CHECKSUM_H_
#define TOOLS_TESTPMD_ENGINES_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "pmd/internet_checksum.h"
#include "tools/testpmd/engines/packet_headers.h"

namespace pollux::testpmd {

using pmd::FoldChecksum;
using pmd::PartialSum;

// The sum of the pseudo header that TCP, UDP and ICMPv6 are summed with. `network` is the IP header, whose addresses it reads.
uint64_t PseudoHeaderSum(NetworkLayer layer, const std::byte* network, uint8_t protocol, uint32_t transport_length);

// `sum` includes the checksum field at `field`. Returns the checksum that belongs there.
inline uint16_t CorrectChecksum(uint64_t sum, const std::byte* field) {
  uint16_t stored;
  std::memcpy(&stored, field, sizeof(stored));
  return FoldChecksum(sum + static_cast<uint16_t>(~stored));
}

// Adapts the checksum at `checksum` to a 16-bit word of what it covers that changes (RFC 1624); a wrong one stays wrong. Words in memory
// byte order.
inline void UpdateChecksum(std::byte* checksum, uint16_t old_word, uint16_t new_word) {
  uint16_t stored;
  std::memcpy(&stored, checksum, sizeof(stored));
  stored = FoldChecksum(uint64_t{static_cast<uint16_t>(~stored)} + static_cast<uint16_t>(~old_word) + new_word);
  std::memcpy(checksum, &stored, sizeof(stored));
}

// Computes and stores the checksum of an IPv4 header.
void StoreIpv4Checksum(std::byte* network, std::size_t header_length);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_CHECKSUM_H_
