// SPDX-License-Identifier: Apache-2.0
// TwoWords: a descriptor (struct xdp_desc of linux/if_xdp.h) or a Packet as one value of two words. Turning one into the other is an
// addition then, and neither a field nor a branch.
#ifndef PMD_AF_XDP_TWO_WORDS_H_
#define PMD_AF_XDP_TWO_WORDS_H_

#include <linux/if_xdp.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "mempool/packet.h"

namespace pollux::pmd::af_xdp {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(xdp_desc) == 16 && offsetof(xdp_desc, addr) == 0 && offsetof(xdp_desc, len) == 8);
static_assert(sizeof(mempool::Packet) == 16 && offsetof(mempool::Packet, data) == 0 && offsetof(mempool::Packet, length) == 8);

// Of GCC and clang, on every processor: a vector register where there is one.
using TwoWords [[gnu::vector_size(16)]] = uint64_t;

// What a descriptor and a Packet have in common; the rest is options there, and pool and flags here.
inline constexpr TwoWords kAddressAndLength = {~uint64_t{0}, 0xffffffff};

template <typename Value>
TwoWords LoadTwoWords(const Value* value) {
  static_assert(sizeof(Value) == sizeof(TwoWords));
  TwoWords words;
  std::memcpy(&words, value, sizeof(words));
  return words;
}

template <typename Value>
void StoreTwoWords(Value* value, TwoWords words) {
  static_assert(sizeof(Value) == sizeof(TwoWords));
  std::memcpy(static_cast<void*>(value), &words, sizeof(words));
}

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_TWO_WORDS_H_
