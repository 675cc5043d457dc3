// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/xsk_tx_queue.h"

#include <array>

#include "pmd/af_xdp/tx_burst.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint32_t kKickAt = 128;  // packets waiting for the kernel at which more of them are waited for no longer

}  // namespace

std::size_t XskTxQueue::Send(std::span<const Packet> packets) {
  const std::size_t taken = Take(packets);
  if (ring_.outstanding() > 0) ring_.Kick(counters_);
  return taken;
}

std::size_t XskTxQueue::SendMore(std::span<const Packet> packets) {
  const std::size_t taken = Take(packets);
  if (taken < packets.size() || ring_.waiting() >= kKickAt) ring_.Kick(counters_);
  return taken;
}

std::size_t XskTxQueue::Take(std::span<const Packet> packets) {
  if (ring_.reclaim_is_due() || packets.empty()) Reclaim();
  if (packets.empty() || !ring_.is_open()) return 0;
  if (ring_.device_gone()) {
    counters_.refused_gone.Add(1);
    return 0;
  }
  return TakeBurst(ring_, counters_, packets, [this](std::span<const Packet> some) { return ring_.Put(some, owner_); });
}

void XskTxQueue::Reclaim() {
  std::array<mempool::FrameNumber, 64> frames;
  while (const std::size_t count = ring_.TakeCompleted(frames)) ring_.pool().Put({frames.data(), count});
}

}  // namespace pollux::pmd::af_xdp
