// SPDX-License-Identifier: Apache-2.0
// The transmit path.
#include "pmd/af_xdp/xsk_tx_queue.h"

#include <net/ethernet.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint32_t kReclaimThreshold = 64;  // packets with the kernel before a busy queue looks for completions
// In copy mode one sendto sends up to 32 packets on kernels before 6.17 (TX_BATCH_SIZE), and then says EAGAIN.
constexpr uint32_t kFewestPacketsACall = 32;
constexpr uint32_t kKickAt = 128;  // packets waiting for the kernel at which more of them are waited for no longer

}  // namespace

XskTxQueue::XskTxQueue(std::shared_ptr<mempool::Pool> pool, XskCalls& calls)
    : held_(pool->frame_count()),
      limits_{.base = pool->region().base(),
              .shortest_of_pool = uint64_t{pool->id()} << 32 | ETH_HLEN,
              .frame_mask = pool->frame_size() - 1,
              .frame_shift = pool->frame_shift()},
      pool_(std::move(pool)),
      calls_(calls) {}

std::size_t XskTxQueue::Send(std::span<const Packet> packets) {
  const std::size_t taken = Take(packets);
  if (outstanding_ > 0) Kick(counters_);
  return taken;
}

std::size_t XskTxQueue::SendMore(std::span<const Packet> packets) {
  const std::size_t taken = Take(packets);
  if (taken < packets.size() || tx_.Waiting() >= kKickAt) Kick(counters_);
  return taken;
}

std::size_t XskTxQueue::Take(std::span<const Packet> packets) {
  if (outstanding_ >= kReclaimThreshold || packets.empty()) Reclaim();
  if (device_gone()) return 0;
  uint32_t room = tx_.Room(static_cast<uint32_t>(packets.size()));
  std::size_t taken = 0;
  while (room > 0) {
    const uint32_t in_a_row = std::min(room, tx_.InARow(0));
    const auto [put, bytes] = PutInARow(packets.subspan(taken, in_a_row));
    counters_.bytes.Add(bytes);
    taken += put;
    room -= static_cast<uint32_t>(put);
    if (put == in_a_row) continue;
    if (!PutUnusual(packets[taken])) break;  // too long, too short, or of another pool
    ++taken;
    --room;
  }
  counters_.taken.Add(taken);
  if (taken < packets.size()) counters_.ring_full.Add(1);
  return taken;
}

// Descriptors for the first packets, as many as can be sent as they are; the ring has them all in a row. What the loop needs of the
// queue is copied first, since the compiler must assume that a store to the ledger's bytes could change it.
[[gnu::noinline]] XskTxQueue::Amount XskTxQueue::PutInARow(std::span<const Packet> packets) {
  const Limits limits = limits_;
  const mempool::FrameSet::Writer held = held_.writer();
  xdp_desc* descriptor = &tx_.At(0);
  uint64_t bytes = 0;
  uint32_t count = 0;
  for (const Packet& packet : packets) {
    const auto address = static_cast<uint64_t>(packet.data - limits.base);
    if (!limits.Allow(address, packet)) [[unlikely]]
      break;
    *descriptor++ = {.addr = address, .len = packet.length, .options = 0};
    held.Insert(static_cast<mempool::FrameNumber>(address >> limits.frame_shift));
    bytes += packet.length;
    ++count;
  }
  tx_.Submit(count);
  outstanding_ += count;
  return {count, bytes};
}

void XskTxQueue::SetMaximumLength(std::size_t bytes) {
  limits_.length_range = bytes - ETH_HLEN;
}

// What PutInARow stopped at: copied into our pool, or taken and dropped. False: not taken, for want of a frame.
bool XskTxQueue::PutUnusual(const Packet& packet) {
  if (DropHopeless(packet, counters_)) return true;
  Packet copy;
  if (!CopyIn(packet, copy)) return false;
  const auto [put, bytes] = PutInARow({&copy, 1});
  counters_.bytes.Add(bytes);
  return put == 1;
}

bool XskTxQueue::DropHopeless(const Packet& packet, TxCounters& counters) {
  const bool foreign = packet.pool != pool_->id();
  const std::size_t maximum_length = limits_.length_range + ETH_HLEN;
  const std::size_t limit = foreign ? std::min(maximum_length, pool_->maximum_length()) : maximum_length;
  if (foreign && packet.length >= ETH_HLEN && packet.length <= limit) return false;
  (packet.length < ETH_HLEN ? counters.dropped_too_short : counters.dropped_too_long).Add(1);
  mempool::Pool::Free({&packet, 1});
  return true;
}

// A packet from another NUMA node's pool (or a driver's own): the one copy there is in user space, and it is counted.
bool XskTxQueue::CopyIn(const Packet& packet, Packet& copy) {
  if (pool_->Allocate({&copy, 1}) == 0) {
    counters_.no_frame.Add(1);
    return false;
  }
  std::memcpy(copy.data, packet.data, packet.length);
  copy.length = packet.length;
  mempool::Pool::Free({&packet, 1});
  counters_.copied.Add(1);
  return true;
}

// One system call for all that waits, as a rule. EAGAIN and EBUSY end a call early and leave the rest for another; how many others
// there are is bounded by what waits.
void XskTxQueue::Kick(TxCounters& counters) {
  if (!tx_.NeedsWakeup()) return;
  uint32_t waiting = tx_.Waiting();
  uint32_t calls_again = waiting / kFewestPacketsACall;
  while (waiting > 0) {
    const int error = calls_.WakeTx(socket_);
    counters.kicks.Add(1);
    switch (error) {
      case 0:
        return;
      case EBUSY:
        unassigned_busy_.fetch_add(1, std::memory_order_relaxed);
        --waiting;
        break;
      case EAGAIN:
      case EINTR:
        counters.kicks_again.Add(1);
        if (calls_again-- == 0) return;
        break;
      case ENOBUFS:
      case ENOMEM:
        counters.kicks_no_buffer.Add(1);
        return;
      case ENETDOWN:
        counters.kicks_link_down.Add(1);
        return;
      case ENXIO:
        device_gone_.store(true, std::memory_order_relaxed);
        [[fallthrough]];
      default:
        counters.kicks_failed.Add(1);
        return;
    }
  }
}

template <bool kShared>
inline std::size_t XskTxQueue::TakeInARow(std::span<mempool::FrameNumber> frames) {
  const uint32_t count = std::min(completion_.Available(static_cast<uint32_t>(frames.size())), completion_.InARow(0));
  if (count == 0) return 0;
  const unsigned frame_shift = limits_.frame_shift;
  const mempool::FrameSet::Writer held = held_.writer();
  const uint64_t* const addresses = &completion_.At(0);
  if constexpr (kShared) {
    CreditOwners({addresses, count});
  } else {
    Credit(counters_, count);
  }
  for (uint32_t index = 0; index < count; ++index) {
    frames[index] = static_cast<mempool::FrameNumber>(addresses[index] >> frame_shift);
    held.Erase(frames[index]);
  }
  completion_.Release(count);
  outstanding_ -= count;
  return count;
}

// As many of these packets as the kernel said EBUSY about were dropped. Each counts once, as sent or as dropped, so that neither count
// goes down while it runs. (Between owners: a drop that is noted after its frame came back counts on the next, or in Close.)
inline void XskTxQueue::Credit(TxCounters& counters, uint32_t count) {
  const uint32_t busy = std::min(count, unassigned_busy_.load(std::memory_order_relaxed));
  if (busy > 0) [[unlikely]] {
    unassigned_busy_.fetch_sub(busy, std::memory_order_relaxed);
    counters.dropped_busy.Add(busy);
  }
  counters.sent.Add(count - busy);
}

void XskTxQueue::Reclaim() {
  std::array<mempool::FrameNumber, 64> frames;
  while (const std::size_t count = TakeInARow<false>(frames)) pool_->Put({frames.data(), count});
}

// --- Shared between owners ------------------------------------------------------------------------------------------------------

XskTxQueue::Owner XskTxQueue::AddOwner(TxCounters& counters) {
  owners_.push_back(&counters);
  return {&counters, static_cast<uint8_t>(owners_.size())};
}

std::size_t XskTxQueue::CountUsual(std::span<const Packet> packets) const {
  const Limits limits = limits_;
  std::size_t count = 0;
  while (count < packets.size() && limits.Allow(static_cast<uint64_t>(packets[count].data - limits.base), packets[count])) ++count;
  return count;
}

std::size_t XskTxQueue::Put(std::span<const Packet> packets, Owner owner) {
  uint32_t room = tx_.Room(static_cast<uint32_t>(packets.size()));
  std::size_t done = 0;
  while (room > 0) {
    const uint32_t in_a_row = std::min(room, tx_.InARow(0));
    const auto [put, bytes] = PutInARow(packets.subspan(done, in_a_row));
    owner.counters->bytes.Add(bytes);
    done += put;
    room -= static_cast<uint32_t>(put);
    if (put < in_a_row) break;
  }
  const mempool::FrameSet::Writer held = held_.writer();
  for (const Packet& packet : packets.first(done)) held.Insert(pool_->FrameOf(packet), owner.tag);
  return done;
}

std::size_t XskTxQueue::TakeCompleted(std::span<mempool::FrameNumber> frames) {
  return TakeInARow<true>(frames);
}

bool XskTxQueue::reclaim_is_due() const {
  return outstanding_ >= kReclaimThreshold;
}

void XskTxQueue::CreditOwners(std::span<const uint64_t> addresses) {
  for (const uint64_t address : addresses) {
    const uint8_t tag = held_.Tag(static_cast<mempool::FrameNumber>(address >> limits_.frame_shift));
    if (tag > 0) Credit(*owners_[tag - 1], 1);
  }
}

// --- Control path ---------------------------------------------------------------------------------------------------------------

void XskTxQueue::Open(int socket, const RingMemory& tx, const RingMemory& completion, std::size_t maximum_length) {
  tx_ = ProducerRing<xdp_desc>(tx);
  completion_ = ConsumerRing<uint64_t>(completion);
  socket_ = socket;
  device_gone_.store(false, std::memory_order_relaxed);
  SetMaximumLength(maximum_length);
}

void XskTxQueue::ReclaimForAny() {
  if (owners_.empty()) return Reclaim();
  std::array<mempool::FrameNumber, 64> frames;
  while (const std::size_t count = TakeCompleted(frames)) pool_->Put({frames.data(), count});
}

std::size_t XskTxQueue::Drain() {
  ReclaimForAny();
  if (outstanding_ > 0 && !device_gone()) {
    Kick(owners_.empty() ? counters_ : *owners_.front());
    ReclaimForAny();
  }
  return outstanding_;
}

void XskTxQueue::Close(bool released) {
  tx_ = {};
  completion_ = {};
  socket_ = -1;
  if (released) {
    held_.ForEach([this](mempool::FrameNumber frame) { pool_->Put({&frame, 1}); });
    held_.Clear();
  }
  counters_.dropped_at_stop.Add(outstanding_);
  // A drop that was noted after another thread had taken its frame back, and that no frame came after, still stands as sent.
  for (TxCounters* const owner : owners_) {
    const uint64_t late = std::min<uint64_t>(unassigned_busy_.load(std::memory_order_relaxed), owner->sent.value());
    unassigned_busy_.fetch_sub(static_cast<uint32_t>(late), std::memory_order_relaxed);
    owner->dropped_busy.Add(late);
    owner->sent.Add(-late);
    const uint64_t done =
        owner->sent.value() + owner->dropped_busy.value() + owner->dropped_too_short.value() + owner->dropped_too_long.value();
    owner->dropped_at_stop.Add(owner->taken.value() - done - owner->dropped_at_stop.value());
  }
  unassigned_busy_.store(0, std::memory_order_relaxed);
  outstanding_ = 0;
}

}  // namespace pollux::pmd::af_xdp
