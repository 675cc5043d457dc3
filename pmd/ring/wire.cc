// SPDX-License-Identifier: Apache-2.0
#include "pmd/ring/wire.h"

#include <array>
#include <thread>

#include "mempool/pool.h"

namespace pollux::pmd {

Wire::~Wire() {
  Close();
}

void Wire::Open(std::size_t capacity) {
  if (ring_ == nullptr || ring_->capacity() != capacity) ring_ = std::make_unique<mempool::SpscRing<mempool::Packet>>(capacity);
  open_.store(true, std::memory_order_seq_cst);
}

std::size_t Wire::Close() {
  open_.store(false, std::memory_order_seq_cst);
  while (sending_.load(std::memory_order_seq_cst)) std::this_thread::yield();
  if (ring_ == nullptr) return 0;
  std::size_t total = 0;
  std::array<mempool::Packet, mempool::kDefaultBurst> packets;
  while (const std::size_t count = ring_->Pop(packets)) {
    mempool::Pool::Free(std::span(packets).first(count));
    total += count;
  }
  return total;
}

}  // namespace pollux::pmd
