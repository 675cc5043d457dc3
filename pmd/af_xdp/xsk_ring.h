// SPDX-License-Identifier: Apache-2.0
// The rings that an AF_XDP socket shares with the kernel (Documentation/networking/af_xdp.rst; struct xsk_queue in net/xdp/xsk_queue.h).
//
// A socket has four, each with one producer and one consumer:
//
//                     user space                                             kernel
//     +--------------+  frames to receive into     fill ring        U->K    +-----------------+
//     |   RxQueue    | ------------------------------------------------->   |  netdev queue   |
//     |              | <-------------------------------------------------   |  (XSKMAP entry) |
//     +--------------+  received packets            rx ring         K->U    |                 |
//     +--------------+  packets to send             tx ring         U->K    |                 |
//     |   TxQueue    | ------------------------------------------------->   |                 |
//     |              | <-------------------------------------------------   |                 |
//     +--------------+  frames sent, ours again   completion ring   K->U    +-----------------+
//
// A frame belongs to whoever could take it off a ring next: from the moment it is submitted to fill or tx until it shows up on rx or
// completion it is the kernel's (docs/ownership.md).
//
// Ring protocol. `producer` and `consumer` count entries since the socket was made and wrap at 2^32; the entry of index i lies at
// i & (size - 1). entries = producer - consumer, which is right across the wrap as long as size <= 2^31. Each index has one writer:
//   producing: write entries, then store-release producer          (the entries are visible before the index)
//   consuming: load-acquire producer, read entries, then store-release consumer  (the entries are read before they are given back)
// Each side keeps a copy of the other's index. A stale copy is safe: it shows fewer entries, or less room, than there are. What asks for
// entries or room reads the shared line only when the copy does not suffice; Waiting always does.
#ifndef PMD_AF_XDP_XSK_RING_H_
#define PMD_AF_XDP_XSK_RING_H_

#include <linux/if_xdp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace pollux::pmd::af_xdp {

// Where a ring lies; the socket that mapped it owns the memory. Empty by default: a ring of size 0 never has an entry or room.
struct RingMemory {
  uint32_t* producer = nullptr;
  uint32_t* consumer = nullptr;
  uint32_t* flags = nullptr;
  void* entries = nullptr;
  uint32_t size = 0;  // a power of two
};

inline uint32_t LoadAcquire(uint32_t* index) {
  return std::atomic_ref(*index).load(std::memory_order_acquire);
}
inline void StoreRelease(uint32_t* index, uint32_t value) {
  std::atomic_ref(*index).store(value, std::memory_order_release);
}

// The fill and tx rings. Single-lcore.
template <typename Entry>
class ProducerRing {
 public:
  ProducerRing() = default;
  explicit ProducerRing(const RingMemory& memory)
      : memory_(memory), mask_(memory.size - 1), next_(*memory.producer), limit_(*memory.consumer + memory.size) {}

  // Entries that can be written now: `wanted` or fewer.
  uint32_t Room(uint32_t wanted) {
    if (limit_ - next_ >= wanted) return wanted;
    if (memory_.size == 0) return 0;
    limit_ = LoadAcquire(memory_.consumer) + memory_.size;
    return std::min(wanted, limit_ - next_);
  }
  // The entry `offset` places after the last submitted one; offset < Room().
  Entry& At(uint32_t offset) { return static_cast<Entry*>(memory_.entries)[(next_ + offset) & mask_]; }
  // How many entries from `offset` on lie in a row in memory: a loop over them needs no mask.
  uint32_t InARow(uint32_t offset) const { return memory_.size - ((next_ + offset) & mask_); }
  // Hands the first `count` entries to the kernel.
  void Submit(uint32_t count) {
    next_ += count;
    StoreRelease(memory_.producer, next_);
  }

  // Takes the last `count` entries back, which the kernel has not taken and does not look at meanwhile. At(0) is the first of them.
  void TakeBack(uint32_t count) {
    next_ -= count;
    StoreRelease(memory_.producer, next_);
  }

  // The index of the next entry to write.
  uint32_t next() const { return next_; }
  // The same, as the kernel sees it. Any thread.
  uint32_t submitted() const { return memory_.size == 0 ? 0 : LoadAcquire(memory_.producer); }
  // The kernel has taken the entry before this index, and so all that were submitted earlier. Any thread.
  bool HasPassed(uint32_t index) const { return memory_.size == 0 || static_cast<int32_t>(index - LoadAcquire(memory_.consumer)) <= 0; }
  // Entries that the kernel has not taken yet. Reads the shared lines only, and so may be asked by other threads than the producer; the
  // consumer's first, which cannot have passed the producer's.
  uint32_t Waiting() const {
    if (memory_.size == 0) return 0;
    const uint32_t consumer = LoadAcquire(memory_.consumer);
    return LoadAcquire(memory_.producer) - consumer;
  }
  // The kernel wants a system call before it looks at this ring (XDP_USE_NEED_WAKEUP).
  bool NeedsWakeup() const {
    return memory_.size != 0 && (std::atomic_ref(*memory_.flags).load(std::memory_order_relaxed) & XDP_RING_NEED_WAKEUP) != 0;
  }
  // The index up to which the kernel says that it has taken entries. Any thread.
  uint32_t passed() const { return memory_.size == 0 ? 0 : LoadAcquire(memory_.consumer); }
  uint32_t size() const { return memory_.size; }

 private:
  RingMemory memory_;
  uint32_t mask_ = 0;
  uint32_t next_ = 0;   // index of the next entry to write
  uint32_t limit_ = 0;  // no entry at or beyond this index: the consumer's index as last seen, plus size
};

// The rx and completion rings. Single-lcore.
template <typename Entry>
class ConsumerRing {
 public:
  ConsumerRing() = default;
  explicit ConsumerRing(const RingMemory& memory)
      : memory_(memory), mask_(memory.size - 1), next_(*memory.consumer), limit_(*memory.producer) {}

  // Entries that can be read now: `wanted` or fewer only if there are no more. Looks for new ones when it knows of too few, so that a burst
  // that is not full means that nothing is left.
  uint32_t Available(uint32_t wanted) {
    if (limit_ - next_ >= wanted) return wanted;
    if (memory_.size == 0) return 0;
    limit_ = LoadAcquire(memory_.producer);
    return std::min(wanted, limit_ - next_);
  }
  // Entries that the kernel has put there and nobody took. Reads the shared lines only, and so may be asked by other threads than the
  // consumer; the consumer's index first, which cannot have passed the producer's.
  uint32_t Waiting() const {
    if (memory_.size == 0) return 0;
    const uint32_t consumer = LoadAcquire(memory_.consumer);
    return LoadAcquire(memory_.producer) - consumer;
  }
  const Entry& At(uint32_t offset) const { return static_cast<const Entry*>(memory_.entries)[(next_ + offset) & mask_]; }
  uint32_t InARow(uint32_t offset) const { return memory_.size - ((next_ + offset) & mask_); }
  // Gives the first `count` entries back to the kernel.
  void Release(uint32_t count) {
    next_ += count;
    StoreRelease(memory_.consumer, next_);
  }
  uint32_t size() const { return memory_.size; }

 private:
  RingMemory memory_;
  uint32_t mask_ = 0;
  uint32_t next_ = 0;   // index of the next entry to read
  uint32_t limit_ = 0;  // the producer's index as last seen
};

static_assert(sizeof(xdp_desc) == 16, "one descriptor, as Packet, is 16 bytes");

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_RING_H_
