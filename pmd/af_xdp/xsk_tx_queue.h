// SPDX-License-Identifier: Apache-2.0
// XskTxQueue: the tx and completion rings of a socket. The transmit engine "ring".
#ifndef PMD_AF_XDP_XSK_TX_QUEUE_H_
#define PMD_AF_XDP_XSK_TX_QUEUE_H_

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "lcore/cache_line.h"
#include "lcore/counter.h"
#include "mempool/frame_set.h"
#include "mempool/pool.h"
#include "pmd/af_xdp/xsk_calls.h"
#include "pmd/af_xdp/xsk_ring.h"
#include "pmd/queue.h"

namespace pollux::pmd::af_xdp {

// taken = sent + (the sum of what begins with dropped_) + pending.
struct alignas(lcore::kCacheLineBytes) TxCounters {
  lcore::Counter taken;
  lcore::Counter sent;               // back from the completion ring, and not dropped_busy
  lcore::Counter bytes;              // taken, and not dropped at once
  lcore::Counter copied;             // packets of another pool, copied into one of ours
  lcore::Counter dropped_too_short;  // less than an Ethernet header
  lcore::Counter dropped_too_long;   // more than the MTU allows, or than the frame holds
  lcore::Counter dropped_busy;       // sendto said EBUSY: the kernel dropped a packet, and its frame came back as a sent one's
  lcore::Counter dropped_at_stop;    // in the tx ring when the socket was closed
  lcore::Counter kicks;              // system calls
  lcore::Counter kicks_again;        // EAGAIN: budget, send buffer or completion ring used up; sent later
  lcore::Counter kicks_no_buffer;    // ENOBUFS: the kernel had no memory; sent later
  lcore::Counter kicks_link_down;    // ENETDOWN: the interface is down; sent when it is up
  lcore::Counter kicks_failed;       // any other errno
  lcore::Counter ring_full;          // Send calls that could not take all
  lcore::Counter no_frame;           // packets of another pool not taken because ours was empty
};

// Contract and thread rule: pmd/queue.h. Open, Drain, Close and the ledger belong to the control path while no thread sends.
class alignas(lcore::kCacheLineBytes) XskTxQueue final : public TxQueue {
 public:
  XskTxQueue(std::shared_ptr<mempool::Pool> pool, XskCalls& calls);

  std::size_t Send(std::span<const Packet> packets) override;
  std::size_t SendMore(std::span<const Packet> packets) override;

  void Open(int socket, const RingMemory& tx, const RingMemory& completion, std::size_t maximum_length);
  // The longest packet that is sent, headers included.
  void SetMaximumLength(std::size_t bytes);
  // One step towards an empty queue: kicks and reclaims; returns the packets that the kernel still has.
  std::size_t Drain();
  // After the socket is closed: takes the rings away, counts what was not sent as dropped, and returns the frames as
  // XskRxQueue::Close does.
  void Close(bool released = true);

  // Nothing is left for the kernel to look at: what was taken has been sent, though maybe not reclaimed.
  bool idle() const { return tx_.Waiting() == 0; }
  // The packet is one of the pool's, and neither too long nor too short: it can be sent as it is.
  bool MaySend(const Packet& packet) const { return limits_.Allow(static_cast<uint64_t>(packet.data - limits_.base), packet); }

  // The interface is gone (ENXIO): nothing is taken any more. Any thread may ask.
  bool device_gone() const { return device_gone_.load(std::memory_order_relaxed); }
  // Of the queue that has the socket for itself; shared queues have their own.
  const TxCounters& counters() const { return counters_; }
  const mempool::FrameSet& held() const { return held_; }

  // What SharedTxQueue is made of. From the first AddOwner on, the socket belongs to its owners and Send is not used. Put and TakeCompleted
  // are called under the owners' lock; Kick by one thread at a time, without it; the others by any thread.
  struct Owner {
    TxCounters* counters;
    uint8_t tag;  // of its frames in the ledger
  };
  static constexpr std::size_t kMaximumOwners = 255;
  Owner AddOwner(TxCounters& counters);
  // How many packets from the first on can be put as they are: of our pool, and of a length that can be sent.
  std::size_t CountUsual(std::span<const Packet> packets) const;
  // Takes the head of `packets`, which is not usual, and drops it if its length cannot be sent.
  bool DropHopeless(const Packet& packet, TxCounters& counters);
  // Puts the first of these usual packets into the ring, as far as there is room; returns how many.
  std::size_t Put(std::span<const Packet> packets, Owner owner);
  bool reclaim_is_due() const;
  // Takes frames off the completion ring, for the caller to return to the pool; returns how many.
  std::size_t TakeCompleted(std::span<mempool::FrameNumber> frames);
  bool kick_is_due() const { return tx_.NeedsWakeup() && tx_.Waiting() > 0; }
  void Kick(TxCounters& counters);
  mempool::Pool& pool() { return *pool_; }

 private:
  // What can be sent as it is.
  struct Limits {
    std::byte* base = nullptr;      // of the region
    uint64_t shortest_of_pool = 0;  // the second word of a packet of our pool with the shortest length there is
    uint64_t length_range = 0;      // longest less shortest
    uint64_t frame_mask = 0;        // offset of an address in its frame
    unsigned frame_shift = 0;

    // Length, pool and the reserved bits are one word: one subtraction and one comparison check that the pool is ours and the length
    // neither too short nor too long, since whatever is not wraps to, or is, a huge number.
    bool Allow(uint64_t address, const Packet& packet) const {
      static_assert(std::endian::native == std::endian::little && offsetof(Packet, length) == 8 && offsetof(Packet, pool) == 12);
      uint64_t length_and_pool;
      std::memcpy(&length_and_pool, &packet.length, sizeof(length_and_pool));
      return length_and_pool - shortest_of_pool <= length_range && (address & frame_mask) + packet.length <= frame_mask + 1;
    }
  };

  struct Amount {
    uint64_t packets;
    uint64_t bytes;
  };
  std::size_t Take(std::span<const Packet> packets);
  Amount PutInARow(std::span<const Packet> packets);
  bool PutUnusual(const Packet& packet);
  bool CopyIn(const Packet& packet, Packet& copy);
  void Reclaim();
  void ReclaimForAny();
  template <bool kShared>
  std::size_t TakeInARow(std::span<mempool::FrameNumber> frames);
  void Credit(TxCounters& counters, uint32_t count);
  void CreditOwners(std::span<const uint64_t> addresses);

  ProducerRing<xdp_desc> tx_;
  ConsumerRing<uint64_t> completion_;
  mempool::FrameSet held_;  // in the tx ring, in the kernel, in the completion ring
  Limits limits_;
  uint32_t outstanding_ = 0;  // held_.Count()
  int socket_ = -1;
  std::atomic<bool> device_gone_{false};
  TxCounters counters_;
  std::vector<TxCounters*> owners_;           // by tag - 1; empty: the socket has one user
  std::atomic<uint32_t> unassigned_busy_{0};  // EBUSY tells that a packet was dropped, not which; with several owners, not whose
  const std::shared_ptr<mempool::Pool> pool_;
  XskCalls& calls_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_TX_QUEUE_H_
