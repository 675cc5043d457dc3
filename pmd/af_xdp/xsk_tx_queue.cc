// SPDX-License-Identifier: Apache-2.0
// The transmit path.
#include "pmd/af_xdp/xsk_tx_queue.h"

#include <net/ethernet.h>

#include <array>
#include <cstring>

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint32_t kReclaimThreshold = 64;  // packets with the kernel before a busy queue looks for completions
// In copy mode one sendto sends up to 32 packets on kernels before 6.17 (TX_BATCH_SIZE), and then says EAGAIN.
constexpr uint32_t kFewestPacketsACall = 32;

}  // namespace

XskTxQueue::XskTxQueue(std::shared_ptr<mempool::Pool> pool, XskCalls& calls)
    : held_(pool->frame_count()),
      base_(pool->region().base()),
      pool_id_(pool->id()),
      frame_shift_(pool->frame_shift()),
      frame_size_(static_cast<uint32_t>(pool->frame_size())),
      copy_limit_(static_cast<uint32_t>(pool->maximum_length())),
      pool_(std::move(pool)),
      calls_(calls) {}

std::size_t XskTxQueue::Send(std::span<const Packet> packets) {
  if (outstanding_ >= kReclaimThreshold || packets.empty()) Reclaim();
  if (device_gone()) return 0;
  const uint32_t room = tx_.Room(static_cast<uint32_t>(packets.size()));
  uint32_t submitted = 0;
  uint64_t bytes = 0;
  std::size_t taken = 0;
  for (; taken < packets.size() && submitted < room; ++taken) {
    Packet packet = packets[taken];
    if (!Fits(packet)) [[unlikely]] {
      Drop(packet);
      continue;
    }
    if (packet.pool != pool_id_) [[unlikely]] {
      if (!CopyIn(packets[taken], packet)) break;
    }
    const auto address = static_cast<uint64_t>(packet.data - base_);
    tx_.At(submitted++) = {.addr = address, .len = packet.length, .options = 0};
    held_.Insert(static_cast<mempool::FrameNumber>(address >> frame_shift_));
    bytes += packet.length;
  }
  if (submitted > 0) {
    tx_.Submit(submitted);
    outstanding_ += submitted;
    counters_.bytes.Add(bytes);
  }
  counters_.taken.Add(taken);
  if (taken < packets.size()) counters_.ring_full.Add(1);
  if (outstanding_ > 0) Kick();
  return taken;
}

bool XskTxQueue::Fits(const Packet& packet) const {
  // One comparison for both ends: a length below the minimum wraps to a huge number.
  if (packet.length - ETH_HLEN > maximum_length_ - ETH_HLEN) return false;
  if (packet.pool != pool_id_) return packet.length <= copy_limit_;
  const auto offset = static_cast<uint32_t>(packet.data - base_) & (frame_size_ - 1);
  return offset + packet.length <= frame_size_;
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
  while (const uint32_t count = completion_.Available(frames.size())) {
    for (uint32_t index = 0; index < count; ++index) {
      frames[index] = static_cast<mempool::FrameNumber>(completion_.At(index) >> frame_shift_);
      held_.Erase(frames[index]);
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
