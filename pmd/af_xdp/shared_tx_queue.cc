// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/shared_tx_queue.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "pmd/af_xdp/tx_burst.h"

namespace pollux::pmd::af_xdp {

std::size_t SharedTxQueue::Send(std::span<const Packet> packets) {
  if (packets.empty()) {
    if (owner_.counters.pending() == 0) return 0;
    Reclaim();
  }
  const std::size_t taken = Take(packets);
  PushInTurn(XskTxRing::Push::kAsked);
  return taken;
}

std::size_t SharedTxQueue::SendMore(std::span<const Packet> packets) {
  const bool first = sharing_.ring_.untold() == 0;
  const std::size_t taken = Take(packets);
  if (first) sharing_.ring_.Hold();
  PushInTurn(taken < packets.size() ? XskTxRing::Push::kAsked : XskTxRing::Push::kWhenDue);
  return taken;
}

bool SharedTxQueue::Poll() {
  if (owner_.counters.pending() == 0) return false;
  PushInTurn(XskTxRing::Push::kWhenDue);
  Reclaim();
  return owner_.counters.pending() != 0;
}

std::size_t SharedTxQueue::TakeTimestamps(std::span<TxTimestamp> stamps) {
  if (owner_.timestamps == nullptr) return 0;
  const std::lock_guard guard(sharing_.lock_);  // completions are taken by any of those who share
  return owner_.timestamps->Take(stamps);
}

std::size_t SharedTxQueue::Take(std::span<const Packet> packets) {
  XskTxRing& ring = sharing_.ring_;
  if (packets.empty() || !ring.is_open()) return 0;
  if (ring.refuses()) {
    owner_.counters.refused_gone.Add(1);
    return 0;
  }
  return TakeBurst(ring, owner_.counters, packets, [this](std::span<const Packet> some) { return PutLocked(some); });
}

std::size_t SharedTxQueue::PutLocked(std::span<const Packet> packets) {
  XskTxRing& ring = sharing_.ring_;
  std::array<mempool::FrameNumber, TxSharing::kMostAtOnce> completed;
  std::size_t completed_count = 0;
  std::size_t put;
  {
    const std::lock_guard guard(sharing_.lock_);
    if (ring.reclaim_is_due()) completed_count = ring.TakeCompleted(completed);
    put = ring.Put(packets.first(std::min(packets.size(), TxSharing::kMostAtOnce)), owner_);
  }
  ring.pool().Put({completed.data(), completed_count});
  return put;
}

void SharedTxQueue::Reclaim() {
  XskTxRing& ring = sharing_.ring_;
  std::array<mempool::FrameNumber, TxSharing::kMostAtOnce> completed;
  std::size_t count;
  do {
    {
      const std::lock_guard guard(sharing_.lock_);
      count = ring.TakeCompleted(completed);
    }
    ring.pool().Put({completed.data(), count});
  } while (count > 0);
}

// In turn: what others put into the ring meanwhile is dropped as well.
void SharedTxQueue::DropWaiting() {
  XskTxRing& ring = sharing_.ring_;
  Reclaim();
  std::array<mempool::FrameNumber, TxSharing::kMostAtOnce> dropped;
  std::size_t count;
  do {
    {
      const std::lock_guard guard(sharing_.lock_);
      count = ring.TakeBack(dropped);
    }
    ring.pool().Put({dropped.data(), count});
  } while (count == dropped.size());
}

void SharedTxQueue::PushInTurn(XskTxRing::Push push) {
  XskTxRing& ring = sharing_.ring_;
  if (!ring.push_is_due(push)) return;
  // Sequentially consistent all of it: "note, then look at the turn" here against "give the turn back, then look at the note" there.
  sharing_.noted_.store(true);
  const uint64_t begin = lcore::ReadCycles();
  int calls = 0;
  const auto may_call = [&] {
    return calls == 0 || (calls < TxSharing::kMostCalls && lcore::ReadCycles() - begin < sharing_.longest_turn_);
  };
  while (may_call() && sharing_.noted_.load() && !sharing_.turn_taken_.exchange(true)) {
    for (; may_call() && sharing_.noted_.exchange(false); ++calls) {
      if (!ring.Kick(owner_.counters)) [[unlikely]]
        DropWaiting();
    }
    sharing_.turn_taken_.store(false);
  }
}

}  // namespace pollux::pmd::af_xdp
