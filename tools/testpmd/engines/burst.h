// SPDX-License-Identifier: Apache-2.0
// One burst in, one burst out, with the counting that every mode does.
#ifndef TOOLS_TESTPMD_ENGINES_BURST_H_
#define TOOLS_TESTPMD_ENGINES_BURST_H_

#include <array>
#include <cstddef>
#include <span>

#include "lcore/cycle_clock.h"
#include "mempool/pool.h"
#include "tools/testpmd/engines/stream.h"

namespace pollux::testpmd {

// An engine keeps one as a member: on the stack it would be cleared for every burst.
using BurstBuffer = std::array<Packet, mempool::kMaximumBurst>;

// Packets in a burst of this stream.
inline std::size_t PacketsOf(const Stream& stream, std::span<const Packet> burst) {
  return stream.scattered ? mempool::CountPackets(burst) : burst.size();
}

// Calls visit(Packet&) with the first frame of every packet.
template <typename Visit>
void ForEachPacket(std::span<Packet> burst, Visit visit) {
  bool begins = true;
  for (Packet& packet : burst) {
    if (begins) visit(packet);
    begins = !packet.continues();
  }
}

// Counts and shows a burst that was received; empty if it is.
inline std::span<Packet> BurstReceived(Stream& stream, std::span<Packet> packets) {
  if (packets.empty()) return {};
  stream.stats.rx_packets.Add(PacketsOf(stream, packets));
  if (stream.observer != nullptr) stream.observer->OnBurst(stream.rx_port, stream.rx_queue, true, packets);
  return packets;
}

// Receives up to stream.burst packets to the front of `buffer`.
inline std::span<Packet> ReceiveBurst(Stream& stream, BurstBuffer& buffer) {
  const uint64_t begin = stream.record_cycles ? lcore::ReadCycles() : 0;
  const std::size_t count = stream.rx->Receive({buffer.data(), stream.burst});
  if (stream.record_cycles) {
    stream.busy = count != 0 || stream.full_burst;
    stream.full_burst = count == stream.burst;
    if (stream.busy) stream.stats.receive_cycles.Add(lcore::ReadCycles() - begin);
  }
  if (stream.record_bursts) stream.stats.rx_bursts.bursts[count].Add(1);
  return BurstReceived(stream, {buffer.data(), count});
}

// Frees packets that end here, and counts them as `cause`.
inline void FreeBurst(const Stream& stream, std::span<const Packet> packets, Counter& cause) {
  mempool::Pool::Free(packets);
  cause.Add(PacketsOf(stream, packets));
}

// What SendBurst does when the queue took only the first `sent`: retries as the stream asks, frees and counts the rest. Returns how
// many frames were sent in all.
std::size_t FinishPartialSend(Stream& stream, std::span<const Packet> packets, std::size_t sent);

// Whether more is likely to come at once, so that the tx queue may wait for it with what it has.
enum class Following : bool { kNothing, kMore };

// A full burst came in, or was generated: more is behind it.
inline Following AfterBurst(const Stream& stream, std::span<const Packet> burst) {
  return burst.size() >= stream.burst ? Following::kMore : Following::kNothing;
}

// Sends `packets`, at most kMaximumBurst; what cannot be sent is freed and counted. An empty burst lets the queue
// finish earlier ones (pmd/queue.h). Returns how many packets were sent.
inline std::size_t SendBurst(Stream& stream, std::span<const Packet> packets, Following following = Following::kNothing) {
  if (stream.observer != nullptr && !packets.empty()) stream.observer->OnBurst(stream.tx_port, stream.tx_queue, false, packets);
  const uint64_t begin = stream.record_cycles ? lcore::ReadCycles() : 0;
  std::size_t sent = following == Following::kMore ? stream.tx->SendMore(packets) : stream.tx->Send(packets);
  if (stream.record_cycles && (stream.busy || !packets.empty())) stream.stats.send_cycles.Add(lcore::ReadCycles() - begin);
  if (packets.empty()) return 0;
  if (sent < packets.size()) [[unlikely]]
    sent = FinishPartialSend(stream, packets, sent);
  const std::size_t sent_packets = PacketsOf(stream, packets.first(sent));
  stream.stats.tx_packets.Add(sent_packets);
  if (stream.record_bursts) stream.stats.tx_bursts.bursts[sent].Add(1);
  return sent_packets;
}

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_BURST_H_
