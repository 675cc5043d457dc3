// SPDX-License-Identifier: Apache-2.0
// The internet checksum of RFC 1071.
//
// Sums are kept in the machine's byte order: the ones' complement sum comes out right in either (RFC 1071, 2.B), as long as the
// result is stored as it is, with memcpy. So nothing here swaps bytes, and a checksum is not a number to print.
#ifndef TOOLS_TESTPMD_ENGINES_CHECKSUM_H_
#define TOOLS_TESTPMD_ENGINES_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tools/testpmd/engines/packet_headers.h"

namespace pollux::testpmd {

// The unfolded sum of `bytes`, of any length and alignment; an odd last byte counts as if a zero followed. Sums of several parts
// may be added if all parts but the last are of even length, and all together are below 16 GiB.
uint64_t PartialSum(std::span<const std::byte> bytes);

// The sum of the pseudo header that TCP, UDP and ICMPv6 are summed with. `network` is the IP header, whose addresses it reads.
uint64_t PseudoHeaderSum(NetworkLayer layer, const std::byte* network, uint8_t protocol, uint32_t transport_length);

// Folds a sum to 16 bits and complements it: the checksum to store in a field that was zero when summed, or 0 if
// the field was summed too and is right.
inline uint16_t FoldChecksum(uint64_t sum) {
  sum = (sum & 0xFFFFFFFF) + (sum >> 32);
  sum = (sum & 0xFFFF) + (sum >> 16 & 0xFFFF) + (sum >> 32);
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

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
