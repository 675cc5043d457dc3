// SPDX-License-Identifier: Apache-2.0
// The sizes that keep two writers apart.
#ifndef LCORE_CACHE_LINE_H_
#define LCORE_CACHE_LINE_H_

#include <cstddef>

namespace pollux::lcore {

// Bytes that one core owns at a time on x86-64 and most arm64. std::hardware_destructive_interference_size may differ between
// compilers, and so must not shape a public struct.
inline constexpr std::size_t kCacheLineBytes = 64;

// Lines come in pairs: a miss on one brings in its neighbour too (the spatial prefetchers of Intel and AMD; lines of 128 bytes on
// some arm64). What two cores write at a rate is this far apart.
inline constexpr std::size_t kCacheLinePairBytes = 128;

}  // namespace pollux::lcore

#endif  // LCORE_CACHE_LINE_H_
