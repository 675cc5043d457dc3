// SPDX-License-Identifier: Apache-2.0
#include "pmd/ring/wire.h"

#include <algorithm>
#include <array>
#include <thread>

#include "mempool/pool.h"

namespace pollux::pmd {

Wire::~Wire() {
  Close();
}

void Wire::Open(std::size_t capacity, bool scattered) {
  scattered_ = scattered;
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
    total += mempool::CountPackets(std::span(packets).first(count));
  }
  return total;
}

// The sender puts whole packets: what waits ends with a packet's last frame.
std::size_t Wire::ReceiveWhole(std::span<mempool::Packet> packets, std::size_t& too_large) {
  std::size_t count = std::min(packets.size(), ring_->Waiting());
  while (count > 0 && ring_->Peek(count - 1).continues()) --count;
  if (count > 0 || packets.empty() || ring_->Waiting() == 0) return ring_->Pop(packets.first(count));
  mempool::Packet frame;
  do {
    ring_->Pop({&frame, 1});
    mempool::Pool::Free({&frame, 1});
  } while (frame.continues());
  ++too_large;
  return 0;
}

std::optional<std::size_t> Wire::SendScattered(std::span<const mempool::Packet> frames) {
  std::optional<std::size_t> count;
  sending_.store(true, std::memory_order_seq_cst);
  if (open_.load(std::memory_order_seq_cst)) {
    if (!scattered_ || frames.size() > std::min(mempool::kMostFramesOfPacket, ring_->capacity())) {
      count = kNever;
    } else {
      count = ring_->Room() < frames.size() ? 0 : ring_->Push(frames);
    }
  }
  sending_.store(false, std::memory_order_release);
  return count;
}

}  // namespace pollux::pmd
