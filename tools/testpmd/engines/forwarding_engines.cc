// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/forwarding_engines.h"

namespace pollux::testpmd {

// An idle poll sends an empty burst, so that nothing waits in the tx queue for the next packet (pmd/queue.h): SendBurst does both.
std::size_t IoEngine::Poll(Stream& stream) {
  const std::span<Packet> packets = ReceiveBurst(stream, buffer_);
  if (!packets.empty()) [[likely]]
    return Forward(stream, packets);
  SendBurst(stream, {});
  return 0;
}

// By itself, so that an idle poll saves no register for it.
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
