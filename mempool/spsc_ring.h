// SPDX-License-Identifier: Apache-2.0
// SpscRing: a queue between two threads, without a lock.
//
//      consumer takes here             producer puts here
//            |                               |
//            v  head                         v  tail              slots: a power of two
//     | . . . # # # # # # # # # # # # # # # # . . . . . |           index & mask = slot
//              tail - head elements wait                            indices count up for ever and never wrap (64 bits)
//
// The producer writes slots, then publishes them by storing tail (release); the consumer loads tail (acquire) and so sees
// the slots written. In the other direction the consumer publishes head, and the producer that sees it may write these slots anew.
// Each side keeps, beside its own index, a copy of the other's as it last saw it, and looks again only when that copy says
// "full" ("empty"). So the two lines that the cores exchange are exchanged once a ringful at best, instead of once a burst.
// (Compare J. Giacomoni et al., FastForward, PPoPP 2008; E. Rigtorp's SPSCQueue.)
#ifndef MEMPOOL_SPSC_RING_H_
#define MEMPOOL_SPSC_RING_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

#include "lcore/cache_line.h"

namespace pollux::mempool {

// Two threads: one calls Push, one calls Pop. Elements of T are copied; nobody is told of those left at destruction.
template <typename T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // Holds `capacity` elements, rounded up to a power of two.
  explicit SpscRing(std::size_t capacity) : mask_(std::bit_ceil(std::max<std::size_t>(capacity, 1)) - 1), slots_(new T[mask_ + 1]) {}
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  std::size_t capacity() const { return mask_ + 1; }

  // Producer. Puts the first k = returned elements; fewer than asked: the ring is full.
  std::size_t Push(std::span<const T> elements) {
    const uint64_t tail = producer_.tail.load(std::memory_order_relaxed);
    std::size_t room = capacity() - (tail - producer_.head_seen);
    if (room < elements.size()) {
      producer_.head_seen = consumer_.head.load(std::memory_order_acquire);
      room = capacity() - (tail - producer_.head_seen);
    }
    const std::size_t count = std::min(elements.size(), room);
    if (count == 0) return 0;  // a store of the same index would take the line away from the consumer all the same
    const std::size_t slot = tail & mask_;
    if (count <= capacity() - slot) [[likely]] {
      Copy(elements.data(), count, &slots_[slot]);
    } else {
      Copy(elements.data(), capacity() - slot, &slots_[slot]);
      Copy(elements.data() + (capacity() - slot), count - (capacity() - slot), &slots_[0]);
    }
    producer_.tail.store(tail + count, std::memory_order_release);
    return count;
  }

  // Consumer. Takes up to elements.size() of the oldest; returns how many.
  std::size_t Pop(std::span<T> elements) {
    const uint64_t head = consumer_.head.load(std::memory_order_relaxed);
    std::size_t waiting = consumer_.tail_seen - head;
    if (waiting < elements.size()) {
      consumer_.tail_seen = producer_.tail.load(std::memory_order_acquire);
      waiting = consumer_.tail_seen - head;
    }
    const std::size_t count = std::min(elements.size(), waiting);
    if (count == 0) return 0;
    const std::size_t slot = head & mask_;
    if (count <= capacity() - slot) [[likely]] {
      Copy(&slots_[slot], count, elements.data());
    } else {
      Copy(&slots_[slot], capacity() - slot, elements.data());
      Copy(&slots_[0], count - (capacity() - slot), elements.data() + (capacity() - slot));
    }
    consumer_.head.store(head + count, std::memory_order_release);
    return count;
  }

  // Producer: how many elements there is room for now. More may follow.
  std::size_t Room() {
    producer_.head_seen = consumer_.head.load(std::memory_order_acquire);
    return capacity() - (producer_.tail.load(std::memory_order_relaxed) - producer_.head_seen);
  }

  // Consumer: how many elements wait now, and the one of this number, 0 being the next that Pop takes.
  std::size_t Waiting() {
    consumer_.tail_seen = producer_.tail.load(std::memory_order_acquire);
    return consumer_.tail_seen - consumer_.head.load(std::memory_order_relaxed);
  }
  const T& Peek(std::size_t number) const { return slots_[(consumer_.head.load(std::memory_order_relaxed) + number) & mask_]; }

  // Any thread; exact for the two sides while the other is quiet, else a moment old.
  std::size_t size() const {
    const uint64_t head = consumer_.head.load(std::memory_order_acquire);
    return static_cast<std::size_t>(producer_.tail.load(std::memory_order_acquire) - head);
  }

  // Calls visit(const T&) for every waiting element, oldest first. Only while both sides are quiet.
  template <typename Visit>
  void ForEach(Visit visit) const {
    const uint64_t tail = producer_.tail.load(std::memory_order_acquire);
    for (uint64_t index = consumer_.head.load(std::memory_order_acquire); index != tail; ++index) visit(slots_[index & mask_]);
  }

 private:
  // A call of memmove costs more than a few elements: it is for bursts.
  static void Copy(const T* from, std::size_t count, T* to) {
    constexpr std::size_t kBurst = 16;
    if (count == 1) {
      *to = *from;
      return;
    }
    if (count >= kBurst) {
      std::copy_n(from, count, to);
      return;
    }
    for (; count >= 4; count -= 4, from += 4, to += 4) to[0] = from[0], to[1] = from[1], to[2] = from[2], to[3] = from[3];
    if (count > 0) to[0] = from[0];
    if (count > 1) to[1] = from[1];
    if (count > 2) to[2] = from[2];
  }

  struct alignas(lcore::kCacheLinePairBytes) Producer {
    std::atomic<uint64_t> tail{0};
    uint64_t head_seen = 0;
  };
  struct alignas(lcore::kCacheLinePairBytes) Consumer {
    std::atomic<uint64_t> head{0};
    uint64_t tail_seen = 0;
  };

  const std::size_t mask_;
  const std::unique_ptr<T[]> slots_;
  Producer producer_;
  Consumer consumer_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_SPSC_RING_H_
