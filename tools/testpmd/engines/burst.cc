// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/burst.h"

#include <chrono>

namespace pollux::testpmd {
namespace {

// Busy, as the lcore has nothing else to do and the delay is far below what the scheduler can sleep.
void Spin(std::chrono::microseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
  }
}

}  // namespace

std::size_t FinishPartialSend(Stream& stream, std::span<const Packet> packets, std::size_t sent) {
  if (stream.retry.enabled) {
    for (std::size_t attempt = 0; attempt < stream.retry.count && sent < packets.size(); ++attempt) {
      Spin(std::chrono::microseconds(stream.retry.delay_us));
      sent += stream.tx->Send(packets.subspan(sent));
    }
  }
  if (sent < packets.size()) FreeBurst(stream, packets.subspan(sent), stream.stats.forward_dropped);
  return sent;
}

}  // namespace pollux::testpmd
