// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/forwarding_engines.h"

namespace pollux::testpmd {

// An idle poll sends an empty burst, so that nothing waits in the tx queue for the next packet (pmd/queue.h). What it executes is kept
// short.
std::size_t IoEngine::Poll(Stream& stream) {
  if (stream.record_cycles) [[unlikely]]
    return Forward(stream, ReceiveBurst(stream, buffer_));
  const std::size_t count = stream.rx->Receive({buffer_.data(), stream.burst});
  if (stream.record_bursts) stream.stats.rx_bursts.bursts[count].Add(1);
  return count == 0 ? stream.tx->Send({}) : Forward(stream, BurstReceived(stream, {buffer_.data(), count}));
}

[[gnu::noinline]] std::size_t IoEngine::Forward(Stream& stream, std::span<Packet> packets) {
  SendBurst(stream, packets, AfterBurst(stream, packets));
  return packets.size();
}

std::size_t RewriteEngine::Poll(Stream& stream) {
  const std::span<Packet> packets = ReceiveBurst(stream, buffer_);
  const Following following = AfterBurst(stream, packets);
  SendBurst(stream, packets.empty() ? packets : rewriter_->Rewrite(stream, packets), following);
  return packets.size();
}

std::size_t RxOnlyEngine::Poll(Stream& stream) {
  const std::span<Packet> packets = ReceiveBurst(stream, buffer_);
  if (!packets.empty()) FreeBurst(stream, packets, stream.stats.consumed);
  return packets.size();
}

}  // namespace pollux::testpmd
