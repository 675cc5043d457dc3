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
#include "pmd/af_xdp/poll_guard.h"
#include "pmd/af_xdp/push_timer.h"
#include "pmd/af_xdp/tx_requests.h"
#include "pmd/af_xdp/xsk_calls.h"
#include "pmd/af_xdp/xsk_ring.h"
#include "pmd/queue.h"

namespace pollux::pmd::af_xdp {

// Of one tx queue, in packets. taken = sent + (the sum of what begins with dropped_) + pending.
struct alignas(lcore::kCacheLineBytes) TxCounters {
  // The thread that sends adds to these.
  lcore::Counter taken;
  lcore::Counter bytes;              // put into the ring
  lcore::Counter copied;             // packets of another pool, copied into one of ours
  lcore::Counter dropped_too_short;  // less than an Ethernet header
  lcore::Counter dropped_too_long;   // more than the MTU allows, or than the frame holds
  lcore::Counter dropped_at_stop;    // in the tx ring when the socket was closed
  lcore::Counter kicks;              // system calls
  lcore::Counter kicks_again;        // EAGAIN: budget, send buffer, completion ring or the device's queue used up; sent later
  lcore::Counter kicks_no_buffer;    // ENOBUFS: the kernel had no memory; sent later
  lcore::Counter kicks_link_down;    // ENETDOWN: the interface is down
  lcore::Counter kicks_failed;       // any other errno
  lcore::Counter ring_full;          // Send calls that could not take all for want of a place in the ring
  lcore::Counter no_frame;           // Send calls that could not take a packet of another pool, because ours was empty
  lcore::Counter refused_gone;       // Send calls that took nothing since the interface is gone
  lcore::Counter scattered;          // packets of several frames that were put into the ring
  lcore::Counter dropped_too_many_frames;
  TxRequestCounters requests;
  // Whoever takes completions adds to these: of a shared ring that is another core, as a rule.
  struct alignas(lcore::kCacheLineBytes) Completed {
    lcore::Counter sent;               // back from the completion ring, and not dropped_busy
    lcore::Counter dropped_busy;       // sendto said EBUSY: the kernel dropped a packet, and its frame came back as a sent one's
    lcore::Counter dropped_link_down;  // ENETDOWN: taken back from the tx ring, as a card without a link drops what it is given
    lcore::Counter timestamps_lost;    // nobody had taken those before
  } completed;

  // Any thread.
  uint64_t pending() const { return taken.value() - completed.sent.value() - dropped(); }
  uint64_t dropped() const {
    return dropped_too_short.value() + dropped_too_long.value() + dropped_too_many_frames.value() + dropped_at_stop.value() +
           completed.dropped_busy.value() + completed.dropped_link_down.value();
  }
};

// Single-lcore, or under the lock of those who share it, but for what says otherwise. Open, Drain, Close, AddOwner and the ledger belong to
// the control path while no thread sends.
class alignas(lcore::kCacheLineBytes) XskTxRing {
 public:
  XskTxRing(std::shared_ptr<mempool::Pool> pool, XskCalls& calls);

  // What one queue has in the ring; its thread's, but for counters.completed.
  struct alignas(lcore::kCacheLineBytes) Owner {
    uint8_t tag = 0;      // of its frames in the ledger
    uint32_t put_to = 0;  // index behind its last packet
    TxCounters counters;
    std::unique_ptr<KeptTimestamps> timestamps;  // null: the socket tells none
  };
  static constexpr std::size_t kMaximumOwners = 255;
  static constexpr uint32_t kEnough = 128;  // packets that the kernel has not been told of, at which no more are waited for
  Owner& AddOwner();
  const Owner& owner(std::size_t number) const { return *owners_[number]; }

  // Puts the first packets into the ring, up to one that cannot be sent as it is, as far as there is room; returns how many frames. A
  // packet of several frames, or one that asks (pmd/tx_metadata.h), goes by itself, in one call: all of it or nothing.
  std::size_t Put(std::span<const Packet> packets, Owner& owner);
  // Takes frames off the completion ring, for the caller to return to the pool; returns how many.
  std::size_t TakeCompleted(std::span<mempool::FrameNumber> frames);
  bool has_completed() { return completion_.Available(1) != 0; }
  // Enough has gone to the kernel to look for completions.
  bool reclaim_is_due() const { return outstanding_ >= kReclaimThreshold; }
  // Frames that are not back from the completion ring yet.
  uint32_t outstanding() const { return outstanding_; }

  // Whether the kernel is to be asked now (PushTimer). Any thread.
  enum class Push : bool { kWhenDue, kAsked };
  bool push_is_due(Push push) const;
  // What is in the ring and the kernel was not asked to look at. Any thread.
  uint32_t untold() const { return tx_.submitted() - told_to_.load(std::memory_order_relaxed); }
  // The first of these may wait for others from now on. Any thread.
  void Hold() { timer_.Start(); }
  // Asks the kernel to look at the ring, if it wants to be asked. One thread at a time, which needs no lock. False: the link is down, and
  // the same thread is to drop what waits (TakeBack) before another may kick.
  [[nodiscard]] bool Kick(TxCounters& counters);
  // Takes packets back that the kernel has not taken, counted as dropped, after all that was completed was taken; returns how many of their
  // frames the caller is to return to the pool. 0 too where the kernel may look at the ring outside of our calls: in zero-copy, where they
  // wait until the link is up, and while another thread waits for packets of the socket (poll_guard.h), where they wait for that. What the
  // kernel may have taken and has not said so stays in the ring, and counted as pending, until the link is up or the socket closed.
  std::size_t TakeBack(std::span<mempool::FrameNumber> frames);

  // Of the thread that receives from the socket. True: until EndWait it may call poll(2), which has the kernel look at this ring. False:
  // not now, as packets are being taken back, or are to be.
  bool BeginWait() { return !(guard_.wanted() && tx_.Waiting() > 0) && guard_.BeginWait(); }
  void EndWait() {
    if (!says_what_it_sent_) polled_to_.store(tx_.submitted(), std::memory_order_relaxed);
    guard_.EndWait();
  }

  // Any thread may ask these.
  // The packet is one of the pool's, neither too long nor too short, and asks nothing: it can be sent as it is, if there IsRoomBefore it.
  bool MaySend(const Packet& packet) const {
    return limits_.Allow(length_range_.load(std::memory_order_relaxed), static_cast<uint64_t>(packet.data - limits_.base), packet);
  }
  // All of it for the frames of a packet that has several, or that asks.
  bool MaySendByItself(std::span<const Packet> frames) const;
  // The packet, one of the pool's, starts where the kernel accepts one (tx_requests.h).
  bool IsRoomBefore(const Packet& packet) const {
    return !grant_.registered || (static_cast<uint64_t>(packet.data - limits_.base) & limits_.frame_mask) >= kTxMetadataBytes;
  }
  // Packets that ask go through this ring, and through nothing else.
  bool takes_requests() const { return grant_.registered; }
  std::size_t maximum_length() const;
  // Frames that a packet may have: 1, or kMostFramesOfPacket.
  std::size_t most_frames() const { return continuing_ == nullptr ? 1 : mempool::kMostFramesOfPacket; }
  bool has_room() const { return tx_.Waiting() < tx_.size(); }
  // Packets that the kernel has not looked at.
  uint32_t waiting() const { return tx_.Waiting(); }
  // Any thread: frames in the completion ring; the kernel wants a system call before it looks at the tx ring; queues that share the rings.
  uint32_t completed_waiting() const { return completion_.Waiting(); }
  bool asks_for_wakeup() const { return tx_.NeedsWakeup(); }
  std::size_t owner_count() const { return owners_.size(); }
  // The kernel has taken all packets of this owner.
  bool HasPassed(const Owner& owner) const { return owner.counters.pending() == 0 || tx_.HasPassed(owner.put_to); }
  // The interface is gone (ENXIO): nothing is taken, and the kernel is asked once a second whether it is back.
  bool device_gone() const { return device_gone_.load(std::memory_order_relaxed); }
  bool refuses() const { return device_gone() && (tx_.Waiting() > 0 || !timer_.Passed()); }
  bool is_open() const { return tx_.size() != 0; }
  mempool::Pool& pool() const { return *pool_; }

  struct Pace {
    uint32_t flush_us = kDefaultFlushUs;
    uint32_t packets_a_call = 32;    // that one system call sends in copy mode, if nothing is in the way
    bool zero_copy = true;           // the kernel may look at the ring at any time
    bool says_what_it_sent = false;  // a call that sent something says how far it got, whatever ended it (Linux 6.17)
  };
  void Open(int socket, const RingMemory& tx, const RingMemory& completion, std::size_t maximum_length, const Pace& pace);
  // Packets may have several frames: the socket was bound for them. Before Open.
  void SetScattered(bool on);
  // What the socket does for packets that ask. While nothing is in the ring.
  void SetGrant(const TxGrant& grant);
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
    // too long (`length_range`: longest less shortest), since whatever is not wraps to, or is, a huge number. So is one
    // of several frames, or one that asks: kContinues and kTxMetadata are the bits above. The other flags say nothing about that.
    bool Allow(uint64_t length_range, uint64_t address, const Packet& packet) const {
      static_assert(std::endian::native == std::endian::little && offsetof(Packet, length) == 8 && offsetof(Packet, pool) == 12);
      static_assert(offsetof(Packet, flags) == 14);
      constexpr uint64_t kLengthAndPool = (uint64_t{1} << 48) - 1 + (uint64_t{Packet::kContinues | Packet::kTxMetadata} << 48);
      uint64_t length_and_pool;
      std::memcpy(&length_and_pool, &packet.length, sizeof(length_and_pool));
      return (length_and_pool & kLengthAndPool) - shortest_of_pool <= length_range &&
             (address & frame_mask) + packet.length - 1 <= frame_mask;
    }
  };

  struct Amount {
    uint64_t packets;
    uint64_t bytes;
  };
  template <bool kRegistered>
  Amount PutInARow(std::span<const Packet> packets, uint8_t tag);
  std::size_t PutByItself(std::span<const Packet> frames, Owner& owner);
  void KeepTimestamps(std::span<const uint64_t> addresses);
  std::size_t TakeBackNow(std::span<mempool::FrameNumber> frames);
  uint32_t CountPackets(std::span<const uint64_t> addresses);
  uint32_t KeptAtHead(uint32_t waiting);
  uint32_t PolledAtHead(uint32_t waiting) const;
  uint32_t RestOfFirst(uint32_t waiting);
  void CountUnsaid(int error, bool said_something);
  bool CallUntilDone(TxCounters& counters);
  void CreditOwners(std::span<const uint64_t> addresses);
  void Credit(TxCounters& counters, uint32_t count);
  void ReclaimAll();
  void SettleLateDrops();

  // Written for every burst.
  ProducerRing<xdp_desc> tx_;
  ConsumerRing<uint64_t> completion_;
  uint32_t outstanding_ = 0;                  // held_.Count()
  std::atomic<uint32_t> unassigned_busy_{0};  // EBUSY tells that a packet was dropped, not which; with several owners, not whose

  // When the kernel is asked. Written by whose turn it is.
  alignas(lcore::kCacheLineBytes) std::atomic<uint32_t> told_to_{0};  // index up to which it was asked, or needs not to be
  PushTimer timer_;
  bool stalled_ = false;  // the last attempt used up its calls and moved nothing
  uint32_t unsaid_ = 0;   // entries at the ring's head, at most, that the kernel may have taken in copy mode and has not said so
  PollGuard guard_;
  std::atomic<uint32_t> polled_to_{0};  // index before which entries may have been taken in another thread's poll(2) without a word

  // Read for every burst, by threads without the lock too.
  alignas(lcore::kCacheLineBytes) const Limits limits_;
  std::atomic<uint64_t> length_range_{0};
  std::unique_ptr<mempool::FrameSet> continuing_;  // of held_, those that are not a packet's last; null: packets have one frame
  std::unique_ptr<mempool::FrameSet> stamped_;     // of held_, those whose packet asks for its time; null: there are none
  mempool::FrameSet held_;                         // in the tx ring, in the kernel, in the completion ring; the tag says whose
  std::atomic<bool> device_gone_{false};
  int socket_ = -1;
  uint32_t packets_a_call_ = 32;
  bool zero_copy_ = true;
  bool says_what_it_sent_ = false;
  TxGrant grant_;
  std::vector<std::unique_ptr<Owner>> owners_;  // by tag - 1
  const std::shared_ptr<mempool::Pool> pool_;
  XskCalls& calls_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_TX_RING_H_
