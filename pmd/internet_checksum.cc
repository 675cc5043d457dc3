// SPDX-License-Identifier: Apache-2.0
#include "pmd/internet_checksum.h"

#include <cstring>

namespace pollux::pmd {

uint64_t PartialSum(std::span<const std::byte> bytes) {
  // Words of 32 bits into 64: carries collect in the upper half, and the loop has no dependency but the additions, so that the
  // compiler makes vectors of it.
  uint64_t sum = 0;
  const std::byte* at = bytes.data();
  const std::size_t words = bytes.size() / 4;
  for (std::size_t index = 0; index < words; ++index) {
    uint32_t word;
    std::memcpy(&word, at + 4 * index, sizeof(word));
    sum += word;
  }
  const std::size_t rest = bytes.size() % 4;
  if (rest != 0) {
    uint32_t word = 0;
    std::memcpy(&word, at + 4 * words, rest);
    sum += word;
  }
  return sum;
}

}  // namespace pollux::pmd
