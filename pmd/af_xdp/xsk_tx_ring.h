// SPDX-License-Identifier: Apache-2.0
// XskTxRing: the tx and completion rings of a socket, with the ledger of what is in them. The mechanism of the transmit engine "ring"; when
// to reclaim, when to ask the kernel, and under which lock, is for the queues above it: XskTxQueue, which has a ring for itself, and
// SharedTxQueue, which has one with others.
#ifndef PMD_AF_XDP_XSK_TX_RING_H_
#define PMD_AF_XDP_XSK_TX_RING_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "lcore/cache_line.h"
#include "lcore/counter.h"
#include "mempool/frame_set.h"
#include "mempool/pool.h"
#include "pmd/af_xdp/xsk_calls.h"
#include "pmd/af_xdp/xsk_ring.h"
#include "pmd/queue.h"

namespace pollux::pmd::af_xdp {

// Of one tx queue. taken = sent + (the sum of what begins with dropped_) + pending.
struct alignas(lcore::kCacheLineBytes) TxCounters {
  // The thread that sends adds to these.
  lcore::Counter taken;
  lcore::Counter bytes;              // put into the ring
  lcore::Counter copied;             // packets of another pool, copied into one of ours
  lcore::Counter dropped_too_short;  // less than an Ethernet header
  lcore::Counter dropped_too_long;   // more than the MTU allows, or than the frame holds
  lcore::Counter dropped_at_stop;    // in the tx ring when the socket was closed
  lcore::Counter kicks;              // system calls
  lcore::Counter kicks_again;        // EAGAIN: budget, send buffer or completion ring used up; sent later
  lcore::Counter kicks_no_buffer;    // ENOBUFS: the kernel had no memory; sent later
  lcore::Counter kicks_link_down;    // ENETDOWN: the interface is down; sent when it is up
  lcore::Counter kicks_failed;       // any other errno
  lcore::Counter ring_full;          // Send calls that could not take all for want of a place in the ring
  lcore::Counter no_frame;           // Send calls that could not take a packet of another pool, because ours was empty
  lcore::Counter refused_gone;       // Send calls that took nothing since the interface is gone
  // Whoever takes completions adds to these: of a shared ring that is another core, as a rule.
  struct alignas(lcore::kCacheLineBytes) Completed {
    lcore::Counter sent;          // back from the completion ring, and not dropped_busy
    lcore::Counter dropped_busy;  // sendto said EBUSY: the kernel dropped a packet, and its frame came back as a sent one's
  } completed;

  uint64_t dropped() const {
    return dropped_too_short.value() + dropped_too_long.value() + dropped_at_stop.value() + completed.dropped_busy.value();
  }
};

// Single-lcore, or under the lock of those who share it, but for what says otherwise. Open, Drain, Close, AddOwner and the ledger belong to
// the control path while no thread sends.
class alignas(lcore::kCacheLineBytes) XskTxRing {
 public:
  XskTxRing(std::shared_ptr<mempool::Pool> pool, XskCalls& calls);

  // A queue that uses the ring: where what happens to its packets is counted, and what marks its frames in the ledger.
  struct Owner {
    TxCounters* counters;
    uint8_t tag;
  };
  static constexpr std::size_t kMaximumOwners = 255;
  Owner AddOwner(TxCounters& counters);
  const TxCounters& counters(std::size_t owner) const { return *owners_[owner]; }

  // Puts the first packets into the ring, up to one that cannot be sent as it is, as far as there is room; returns how many.
  std::size_t Put(std::span<const Packet> packets, const Owner& owner);
  // Takes frames off the completion ring, for the caller to return to the pool; returns how many.
  std::size_t TakeCompleted(std::span<mempool::FrameNumber> frames);
  // Enough has gone to the kernel to look for completions.
  bool reclaim_is_due() const { return outstanding_ >= kReclaimThreshold; }
  // Frames that are not back from the completion ring yet.
  uint32_t outstanding() const { return outstanding_; }

  // Asks the kernel to look at the ring, as often as it takes, if it wants to be asked. One thread at a time, which needs no lock.
  void Kick(TxCounters& counters);

  // Any thread may ask these.
  // The packet is one of the pool's, and neither too long nor too short: it can be sent as it is.
  bool MaySend(const Packet& packet) const {
    return limits_.Allow(length_range_.load(std::memory_order_relaxed), static_cast<uint64_t>(packet.data - limits_.base), packet);
  }
  std::size_t maximum_length() const;
  bool has_room() const { return tx_.Waiting() < tx_.size(); }
  // Packets that the kernel has not looked at.
  uint32_t waiting() const { return tx_.Waiting(); }
  bool kick_is_due() const { return tx_.NeedsWakeup() && tx_.Waiting() > 0; }
  // The interface is gone (ENXIO): nothing is taken any more.
  bool device_gone() const { return device_gone_.load(std::memory_order_relaxed); }
  bool is_open() const { return tx_.size() != 0; }
  mempool::Pool& pool() const { return *pool_; }

  void Open(int socket, const RingMemory& tx, const RingMemory& completion, std::size_t maximum_length);
  // The longest packet that is sent, headers included. Any thread, at any time.
  void SetMaximumLength(std::size_t bytes);
  // One step towards an empty ring: kicks and reclaims; returns the packets that the kernel still has.
  std::size_t Drain();
  // After the socket is closed: takes the rings away, counts what was not sent as dropped, and returns the frames as
  // XskRxQueue::Close does.
  void Close(bool released = true);
  const mempool::FrameSet& held() const { return held_; }

 private:
  static constexpr uint32_t kReclaimThreshold = 64;

  // What can be sent as it is.
  struct Limits {
    std::byte* base = nullptr;      // of the region
    uint64_t shortest_of_pool = 0;  // the second word of a packet of our pool with the shortest length there is
    uint64_t frame_mask = 0;        // offset of an address in its frame
    unsigned frame_shift = 0;

    // Length and pool are one word: one subtraction and one comparison check that the pool is ours and the length neither too short nor
    // too long (`length_range`: longest less shortest), since whatever is not wraps to, or is, a huge number. The reserved bits say
    // nothing about that.
    bool Allow(uint64_t length_range, uint64_t address, const Packet& packet) const {
      static_assert(std::endian::native == std::endian::little && offsetof(Packet, length) == 8 && offsetof(Packet, pool) == 12);
      constexpr uint64_t kLengthAndPool = (uint64_t{1} << 48) - 1;
      uint64_t length_and_pool;
      std::memcpy(&length_and_pool, &packet.length, sizeof(length_and_pool));
      return (length_and_pool & kLengthAndPool) - shortest_of_pool <= length_range &&
             (address & frame_mask) + packet.length <= frame_mask + 1;
    }
  };

  struct Amount {
    uint64_t packets;
    uint64_t bytes;
  };
  Amount PutInARow(std::span<const Packet> packets, uint8_t tag);
  void CreditOwners(std::span<const uint64_t> addresses);
  void Credit(TxCounters& counters, uint32_t count);
  void ReclaimAll();
  void SettleLateDrops();

  // Written for every burst.
  ProducerRing<xdp_desc> tx_;
  ConsumerRing<uint64_t> completion_;
  uint32_t outstanding_ = 0;                  // held_.Count()
  std::atomic<uint32_t> unassigned_busy_{0};  // EBUSY tells that a packet was dropped, not which; with several owners, not whose

  // Read for every burst, by threads without the lock too.
  alignas(lcore::kCacheLineBytes) const Limits limits_;
  std::atomic<uint64_t> length_range_{0};
  mempool::FrameSet held_;  // in the tx ring, in the kernel, in the completion ring; the tag says whose
  std::atomic<bool> device_gone_{false};
  int socket_ = -1;
  std::vector<TxCounters*> owners_;  // by tag - 1
  const std::shared_ptr<mempool::Pool> pool_;
  XskCalls& calls_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_TX_RING_H_
