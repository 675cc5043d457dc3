// SPDX-License-Identifier: Apache-2.0
// The transmit path.
#include "pmd/af_xdp/xsk_tx_queue.h"

#include <net/ethernet.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint32_t kReclaimThreshold = 64;  // packets with the kernel before a busy queue looks for completions
// In copy mode one sendto sends up to 32 packets on kernels before 6.17 (TX_BATCH_SIZE), and then says EAGAIN.
constexpr uint32_t kFewestPacketsACall = 32;

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
  if (outstanding_ >= kReclaimThreshold || packets.empty()) Reclaim();
  if (device_gone()) return 0;
  uint32_t room = tx_.Room(static_cast<uint32_t>(packets.size()));
  std::size_t taken = 0;
  while (room > 0) {
    const uint32_t in_a_row = std::min(room, tx_.InARow(0));
    const uint32_t put = PutInARow(packets.subspan(taken, in_a_row));
    taken += put;
    room -= put;
    if (put == in_a_row) continue;
    if (!PutUnusual(packets[taken])) break;  // too long, too short, or of another pool
    ++taken;
    --room;
  }
  counters_.taken.Add(taken);
  if (taken < packets.size()) counters_.ring_full.Add(1);
  if (outstanding_ > 0) Kick();
  return taken;
}

// Descriptors for the first packets, as many as can be sent as they are; the ring has them all in a row. What the loop needs of the
// queue is copied first, since the compiler must assume that a store to the ledger's bytes could change it.
[[gnu::noinline]] uint32_t XskTxQueue::PutInARow(std::span<const Packet> packets) {
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
  counters_.bytes.Add(bytes);
  return count;
}

// Length, pool and the reserved bits are one word: one subtraction and one comparison check that the pool is ours and the length neither
// too short nor too long, since whatever is not wraps to, or is, a huge number.
bool XskTxQueue::Limits::Allow(uint64_t address, const Packet& packet) const {
  static_assert(std::endian::native == std::endian::little && offsetof(Packet, length) == 8 && offsetof(Packet, pool) == 12);
  uint64_t length_and_pool;
  std::memcpy(&length_and_pool, &packet.length, sizeof(length_and_pool));
  return length_and_pool - shortest_of_pool <= length_range && (address & frame_mask) + packet.length <= frame_mask + 1;
}

void XskTxQueue::SetMaximumLength(std::size_t bytes) {
  limits_.length_range = bytes - ETH_HLEN;
}

// What PutInARow stopped at: copied into our pool, or taken and dropped. False: not taken, for want of a frame.
bool XskTxQueue::PutUnusual(const Packet& packet) {
  const bool foreign = packet.pool != pool_->id();
  const std::size_t maximum_length = limits_.length_range + ETH_HLEN;
  const std::size_t limit = foreign ? std::min(maximum_length, pool_->maximum_length()) : maximum_length;
  if (!foreign || packet.length < ETH_HLEN || packet.length > limit) {
    Drop(packet);
    return true;
  }
  Packet copy;
  return CopyIn(packet, copy) && PutInARow({&copy, 1}) == 1;
}

void XskTxQueue::Drop(const Packet& packet) {
  (packet.length < ETH_HLEN ? counters_.dropped_too_short : counters_.dropped_too_long).Add(1);
  mempool::Pool::Free({&packet, 1});
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
void XskTxQueue::Kick() {
  if (!tx_.NeedsWakeup()) return;
  uint32_t waiting = tx_.Waiting();
  uint32_t calls_again = waiting / kFewestPacketsACall;
  while (waiting > 0) {
    const int error = calls_.WakeTx(socket_);
    counters_.kicks.Add(1);
    switch (error) {
      case 0:
        return;
      case EBUSY:
        counters_.dropped_busy.Add(1);
        --waiting;
        break;
      case EAGAIN:
      case EINTR:
        counters_.kicks_again.Add(1);
        if (calls_again-- == 0) return;
        break;
      case ENOBUFS:
      case ENOMEM:
        counters_.kicks_no_buffer.Add(1);
        return;
      case ENETDOWN:
        counters_.kicks_link_down.Add(1);
        return;
      case ENXIO:
        device_gone_.store(true, std::memory_order_relaxed);
        [[fallthrough]];
      default:
        counters_.kicks_failed.Add(1);
        return;
    }
  }
}

void XskTxQueue::Reclaim() {
  std::array<mempool::FrameNumber, 64> frames;
  const unsigned frame_shift = limits_.frame_shift;
  const mempool::FrameSet::Writer held = held_.writer();
  while (uint32_t count = completion_.Available(frames.size())) {
    count = std::min(count, completion_.InARow(0));
    const uint64_t* const addresses = &completion_.At(0);
    for (uint32_t index = 0; index < count; ++index) {
      frames[index] = static_cast<mempool::FrameNumber>(addresses[index] >> frame_shift);
      held.Erase(frames[index]);
    }
    completion_.Release(count);
    pool_->Put({frames.data(), count});
    outstanding_ -= count;
    counters_.completed.Add(count);
  }
}

void XskTxQueue::Open(int socket, const RingMemory& tx, const RingMemory& completion, std::size_t maximum_length) {
  tx_ = ProducerRing<xdp_desc>(tx);
  completion_ = ConsumerRing<uint64_t>(completion);
  socket_ = socket;
  device_gone_.store(false, std::memory_order_relaxed);
  SetMaximumLength(maximum_length);
}

std::size_t XskTxQueue::Drain() {
  Reclaim();
  if (outstanding_ > 0 && !device_gone()) {
    Kick();
    Reclaim();
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
  outstanding_ = 0;
}

}  // namespace pollux::pmd::af_xdp
