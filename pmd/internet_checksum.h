// SPDX-License-Identifier: Apache-2.0
// The internet checksum of RFC 1071.
//
// Sums are kept in the machine's byte order: the ones' complement sum comes out right in either (RFC 1071, 2.B), as long as the
// result is stored as it is, with memcpy. So nothing here swaps bytes, and a checksum is not a number to print.
#ifndef PMD_INTERNET_CHECKSUM_H_
#define PMD_INTERNET_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace pollux::pmd {

// The unfolded sum of `bytes`, of any length and alignment; an odd last byte counts as if a zero followed. Sums of several parts
// may be added if all parts but the last are of even length, and all together are below 16 GiB.
uint64_t PartialSum(std::span<const std::byte> bytes);

// Folds a sum to 16 bits. 0 only of a sum that is 0; one that is a multiple of 65535, the other zero of ones' complement, gives 0xFFFF.
inline uint16_t FoldSum(uint64_t sum) {
  sum = (sum & 0xFFFFFFFF) + (sum >> 32);
  sum = (sum & 0xFFFF) + (sum >> 16 & 0xFFFF) + (sum >> 32);
  sum = (sum & 0xFFFF) + (sum >> 16);
  sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

// The checksum to store in a field that was zero when summed, or 0 if the field was summed too and is right.
inline uint16_t FoldChecksum(uint64_t sum) {
  return static_cast<uint16_t>(~FoldSum(sum));
}

}  // namespace pollux::pmd

#endif  // PMD_INTERNET_CHECKSUM_H_
