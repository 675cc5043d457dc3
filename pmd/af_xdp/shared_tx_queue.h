// SPDX-License-Identifier: Apache-2.0
// SharedTxQueue: one of several logical tx queues that use one socket.
//
//     thread 1           thread 2           thread 3
//   logical queue 0    logical queue 2    logical queue 4          each with counters of its own
//         \                  |                  /
//          +--- lock: completions taken, descriptors written ---+    up to kMostAtOnce of each, then the others may
//          |        tx ring, completion ring (XskTxRing)        |
//          +--- in turn: the system call, without the lock -----+    one thread at a time; who comes meanwhile leaves a note
//
// Nobody waits for a system call of another: whoever finds the turn taken sets `noted` and returns, and the thread that has the turn makes
// another call before it goes. It looks for a note once more after it has given the turn back, so a note that is set just then is seen by
// one of the two. After kMostCalls, or when its turn has lasted kLongestTurnUs, it goes though a note is left, lest it serve the others for
// ever: those whose packets wait come back for them (TxQueue::Poll), and take the turn.
//
// What may enter the kernel or take long stays outside the lock: returning frames to the pool (its depot has a mutex), copying packets of
// other pools in.
#ifndef PMD_AF_XDP_SHARED_TX_QUEUE_H_
#define PMD_AF_XDP_SHARED_TX_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "lcore/cache_line.h"
#include "lcore/cycle_clock.h"
#include "lcore/spin_lock.h"
#include "pmd/af_xdp/xsk_tx_ring.h"
#include "pmd/queue.h"

namespace pollux::pmd::af_xdp {

// What the logical queues of one socket have in common. The ring must outlive it.
class TxSharing {
 public:
  static constexpr int kMostCalls = 8;  // rounds of system calls that a thread makes in its turn
  // Behind the first of them. A thread that lost its CPU in its turn finds the ring full, at each call: milliseconds of others' work.
  static constexpr uint64_t kLongestTurnUs = 500;
  static constexpr std::size_t kMostAtOnce = 64;  // packets put, and completions taken, for one lock

  explicit TxSharing(XskTxRing& ring, uint64_t longest_turn_us = kLongestTurnUs)
      : ring_(ring), longest_turn_(longest_turn_us * lcore::CyclesPerSecond() / 1'000'000) {}

 private:
  friend class SharedTxQueue;

  XskTxRing& ring_;
  const uint64_t longest_turn_;  // cycles
  alignas(lcore::kCacheLineBytes) lcore::SpinLock lock_;
  alignas(lcore::kCacheLineBytes) std::atomic<bool> noted_{false};
  std::atomic<bool> turn_taken_{false};
};

// Contract and thread rule: pmd/queue.h. Any number of queues of one TxSharing may send at once, each from one thread.
class SharedTxQueue final : public TxQueue {
 public:
  explicit SharedTxQueue(TxSharing& sharing) : sharing_(sharing), owner_(sharing.ring_.AddOwner()) {}

  std::size_t Send(std::span<const Packet> packets) override;
  std::size_t SendMore(std::span<const Packet> packets) override;
  bool Poll() override;
  std::size_t TakeTimestamps(std::span<TxTimestamp> stamps) override;

  const TxCounters& counters() const { return owner_.counters; }

 private:
  std::size_t Take(std::span<const Packet> packets);
  std::size_t PutLocked(std::span<const Packet> packets);
  void Reclaim();
  void DropWaiting();
  void PushInTurn(XskTxRing::Push push);

  TxSharing& sharing_;
  XskTxRing::Owner& owner_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_SHARED_TX_QUEUE_H_
