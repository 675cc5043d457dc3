// SPDX-License-Identifier: Apache-2.0
// The memory that a tap and its reader share: a file of memory (memfd), mapped by both.
//
//     TapHeader | TapRingHeader 0 | TapRingHeader 1 | ... | page border | ring 0 | ring 1 | ...
//
// A ring has one writer, the thread of a queue, and one reader, another process. Both count bytes, from 0 for ever; a place in the ring is
// the count modulo its size.
//
//              read                written
//     ----------|=====records======|----------        free: size - (written - read)
//
// The writer trusts nothing that it reads here: a reader that lies about `read` has packets overwritten or left out, and no more.
#ifndef PMD_TAP_TAP_LAYOUT_H_
#define PMD_TAP_TAP_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lcore/cache_line.h"

namespace pollux::pmd {

struct alignas(lcore::kCacheLineBytes) TapHeader {
  std::atomic<uint64_t> ended;  // not 0: the port was closed or configured anew, and nothing more comes
};

struct TapRingHeader {
  // The writer's.
  alignas(lcore::kCacheLineBytes) std::atomic<uint64_t> written;
  std::atomic<uint64_t> packets;  // that passed, of any kind
  std::atomic<uint64_t> taken;    // of these, by the filter
  std::atomic<uint64_t> dropped;  // of the taken, left out as the ring was full
  // The reader's.
  alignas(lcore::kCacheLineBytes) std::atomic<uint64_t> read;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

// Before each packet's bytes; aligned to 8, as is its length.
struct TapRecord {
  uint32_t length;       // of the record with its padding; 0: the ring's rest is empty, go on at its begin
  uint32_t captured;     // bytes that follow
  uint32_t wire_length;  // bytes that the packet has
  uint32_t reserved;
  uint64_t time_ns;  // since 1970
};
static_assert(sizeof(TapRecord) == 24);

inline constexpr uint64_t kTapAlignment = 8;
constexpr uint64_t TapRecordBytes(uint32_t captured) {
  return (sizeof(TapRecord) + captured + kTapAlignment - 1) / kTapAlignment * kTapAlignment;
}
constexpr uint64_t TapRingsOffset(std::size_t rings) {
  constexpr uint64_t kPage = 4096;
  return (sizeof(TapHeader) + rings * sizeof(TapRingHeader) + kPage - 1) / kPage * kPage;
}

}  // namespace pollux::pmd

#endif  // PMD_TAP_TAP_LAYOUT_H_
