// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/shared_tx_queue.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace pollux::pmd::af_xdp {
namespace {

constexpr std::size_t kMostCopies = 32;      // packets of another pool copied for one lock
constexpr std::size_t kMostCompleted = 512;  // completions taken for one lock

}  // namespace

std::size_t SharedTxQueue::Send(std::span<const Packet> packets) {
  if (packets.empty()) Reclaim();
  std::size_t taken = 0;
  while (taken < packets.size()) {
    const std::size_t some = SendSome(packets.subspan(taken));
    if (some == 0) break;
    taken += some;
  }
  counters_.taken.Add(taken);
  if (taken < packets.size()) counters_.ring_full.Add(1);
  KickInTurn();
  return taken;
}

// A run of packets of one sort: as they are, to be dropped, to be copied. 0: none was taken.
std::size_t SharedTxQueue::SendSome(std::span<const Packet> packets) {
  XskTxQueue& socket = sharing_.socket_;
  if (socket.device_gone()) return 0;
  if (const std::size_t usual = socket.CountUsual(packets); usual > 0) return PutLocked(packets.first(usual));
  if (socket.DropHopeless(packets.front(), counters_)) return 1;
  return SendCopies(packets);
}

// Copies first, and frees the copies again that found no room: a copy under the lock would keep the other threads waiting.
std::size_t SharedTxQueue::SendCopies(std::span<const Packet> packets) {
  XskTxQueue& socket = sharing_.socket_;
  std::array<Packet, kMostCopies> copies;
  std::size_t count = 0;
  while (count < std::min(packets.size(), copies.size())) {
    const Packet& packet = packets[count];
    if (packet.pool == socket.pool().id() || packet.length > socket.pool().maximum_length()) break;
    if (socket.pool().Allocate({&copies[count], 1}) == 0) {
      counters_.no_frame.Add(1);
      break;
    }
    std::memcpy(copies[count].data, packet.data, packet.length);
    copies[count].length = packet.length;
    ++count;
  }
  // A later packet of the run may be one to drop: only the first are usual for sure.
  const std::size_t usual = socket.CountUsual({copies.data(), count});
  const std::size_t put = usual == 0 ? 0 : PutLocked({copies.data(), usual});
  mempool::Pool::Free(packets.first(put));
  mempool::Pool::Free({copies.data() + put, count - put});
  counters_.copied.Add(put);
  return put;
}

std::size_t SharedTxQueue::PutLocked(std::span<const Packet> packets) {
  XskTxQueue& socket = sharing_.socket_;
  std::array<mempool::FrameNumber, kMostCompleted> completed;
  std::size_t completed_count = 0;
  std::size_t put;
  {
    const std::lock_guard guard(sharing_.lock_);
    if (socket.reclaim_is_due()) completed_count = socket.TakeCompleted(completed);
    put = socket.Put(packets, owner_);
  }
  socket.pool().Put({completed.data(), completed_count});
  return put;
}

void SharedTxQueue::Reclaim() {
  XskTxQueue& socket = sharing_.socket_;
  std::array<mempool::FrameNumber, kMostCompleted> completed;
  std::size_t count;
  do {
    {
      const std::lock_guard guard(sharing_.lock_);
      count = socket.TakeCompleted(completed);
    }
    socket.pool().Put({completed.data(), count});
  } while (count > 0);
}

void SharedTxQueue::KickInTurn() {
  XskTxQueue& socket = sharing_.socket_;
  if (!socket.kick_is_due() || socket.device_gone()) return;
  // Sequentially consistent all of it: "note, then look at the turn" here against "give the turn back, then look at the note" there.
  sharing_.noted_.store(true);
  for (int calls = 0; calls < TxSharing::kMostCalls && sharing_.noted_.load() && !sharing_.turn_taken_.exchange(true);) {
    for (; calls < TxSharing::kMostCalls && sharing_.noted_.exchange(false); ++calls) socket.Kick(counters_);
    sharing_.turn_taken_.store(false);
  }
}

}  // namespace pollux::pmd::af_xdp
