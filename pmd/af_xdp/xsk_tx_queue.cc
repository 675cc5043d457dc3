// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/xsk_tx_queue.h"

#include <array>

#include "pmd/af_xdp/tx_burst.h"

namespace pollux::pmd::af_xdp {

// What an idle poll executes is kept short: it sends an empty burst.
std::size_t XskTxQueue::Send(std::span<const Packet> packets) {
  if (!packets.empty()) return SendSome(packets);
  return ring_.outstanding() == 0 ? 0 : FinishEarlierOnes();
}

[[gnu::noinline]] std::size_t XskTxQueue::FinishEarlierOnes() {
  Reclaim();
  Push(XskTxRing::Push::kAsked);
  return 0;
}

[[gnu::noinline]] std::size_t XskTxQueue::SendSome(std::span<const Packet> packets) {
  const std::size_t taken = Take(packets);
  Push(XskTxRing::Push::kAsked);
  return taken;
}

std::size_t XskTxQueue::SendMore(std::span<const Packet> packets) {
  const bool first = ring_.untold() == 0;
  const std::size_t taken = Take(packets);
  if (first) ring_.Hold();
  Push(taken < packets.size() ? XskTxRing::Push::kAsked : XskTxRing::Push::kWhenDue);
  return taken;
}

bool XskTxQueue::Poll() {
  if (ring_.outstanding() == 0) return false;
  Push(XskTxRing::Push::kWhenDue);
  Reclaim();
  return ring_.outstanding() > 0;
}

std::size_t XskTxQueue::TakeTimestamps(std::span<TxTimestamp> stamps) {
  return owner_.timestamps == nullptr ? 0 : owner_.timestamps->Take(stamps);
}

void XskTxQueue::Push(XskTxRing::Push push) {
  if (ring_.push_is_due(push)) Kick();
}

[[gnu::noinline]] void XskTxQueue::Kick() {
  if (ring_.Kick(owner_.counters)) [[likely]]
    return;
  Reclaim();
  std::array<mempool::FrameNumber, 64> frames;
  while (const std::size_t count = ring_.TakeBack(frames)) ring_.pool().Put({frames.data(), count});
}

std::size_t XskTxQueue::Take(std::span<const Packet> packets) {
  if (ring_.reclaim_is_due() || packets.empty()) Reclaim();
  if (packets.empty() || !ring_.is_open()) return 0;
  if (ring_.refuses()) {
    owner_.counters.refused_gone.Add(1);
    return 0;
  }
  return TakeBurst(ring_, owner_.counters, packets, [this](std::span<const Packet> some) { return ring_.Put(some, owner_); });
}

void XskTxQueue::Reclaim() {
  if (ring_.has_completed()) TakeCompleted();
}

[[gnu::noinline]] void XskTxQueue::TakeCompleted() {
  std::array<mempool::FrameNumber, 64> frames;
  while (const std::size_t count = ring_.TakeCompleted(frames)) ring_.pool().Put({frames.data(), count});
}

}  // namespace pollux::pmd::af_xdp
