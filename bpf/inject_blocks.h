// SPDX-License-Identifier: Apache-2.0
// InjectBlocks: which of an injector's blocks are in use.
#ifndef BPF_INJECT_BLOCKS_H_
#define BPF_INJECT_BLOCKS_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bpf/inject_shared.h"

namespace pollux::bpf {

// A thread takes a block for one call, so that any number of queues share the few there are. Any thread.
class InjectBlocks {
 public:
  explicit InjectBlocks(std::span<inject_block, INJECT_BLOCKS> blocks) : blocks_(blocks) {}

  // `preferred`, which this thread's cache may still know, or another one; null if all are in use.
  inject_block* Take(unsigned preferred) {
    uint64_t free = free_.load(std::memory_order_relaxed);
    while (free != 0) {
      const unsigned number = (free >> preferred & 1) != 0 ? preferred : static_cast<unsigned>(std::countr_zero(free));
      if (free_.compare_exchange_weak(free, free & ~(uint64_t{1} << number), std::memory_order_acquire, std::memory_order_relaxed))
        return &blocks_[number];
    }
    return nullptr;
  }
  void Return(const inject_block& block) { free_.fetch_or(uint64_t{1} << NumberOf(block), std::memory_order_release); }

  unsigned NumberOf(const inject_block& block) const { return static_cast<unsigned>(&block - blocks_.data()); }
  inject_block* data() const { return blocks_.data(); }

 private:
  static_assert(INJECT_BLOCKS == 64, "a bit for each");

  const std::span<inject_block, INJECT_BLOCKS> blocks_;
  std::atomic<uint64_t> free_{~uint64_t{0}};
};

}  // namespace pollux::bpf

#endif  // BPF_INJECT_BLOCKS_H_
