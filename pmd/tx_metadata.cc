// SPDX-License-Identifier: Apache-2.0
#include "pmd/tx_metadata.h"

#include <net/ethernet.h>

#include "pmd/internet_checksum.h"

namespace pollux::pmd {

bool FinishChecksum(std::span<const mempool::Packet> frames, std::size_t start, std::size_t offset) {
  const mempool::Packet& first = frames.front();
  if (start < ETH_HLEN || start + offset + sizeof(uint16_t) > first.length) return false;
  uint64_t sum = PartialSum(first.bytes().subspan(start));
  bool at_odd = ((first.length - start) & 1) != 0;
  for (const mempool::Packet& frame : frames.subspan(1)) {
    // Behind an odd number of bytes every byte has the other one's place in its word (RFC 1071, 2.B).
    const uint16_t part = FoldSum(PartialSum(frame.bytes()));
    sum += at_odd ? __builtin_bswap16(part) : part;
    at_odd ^= (frame.length & 1) != 0;
  }
  uint16_t checksum = FoldChecksum(sum);
  if (checksum == 0) checksum = 0xFFFF;  // both are zero; of UDP, 0 means that there is none
  std::memcpy(first.data + start + offset, &checksum, sizeof(checksum));
  return true;
}

}  // namespace pollux::pmd
