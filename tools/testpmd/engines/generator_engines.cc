// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/generator_engines.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "mempool/pool.h"
#include "pmd/tx_metadata.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kWireChecksumBytes = 4;                                                // which flowgen leaves out of --txpkts
constexpr std::size_t kMaximumFlows = kFlowgenFlow.ip_source - kFlowgenFlow.ip_destination;  // no packet to its own source
constexpr std::size_t kMaximumIpv4Packet = 65535 + kEthernetBytes;

// The length of generated packets by --txpkts, less `left_out`.
absl::StatusOr<std::size_t> GeneratedLength(const EngineOptions& options, std::size_t left_out, const Stream& stream) {
  const std::string asked = absl::StrCat("--txpkts=", absl::StrJoin(options.tx_segments, ","));
  const std::size_t maximum = std::min(stream.tx_frames * stream.pool->maximum_length(), kMaximumIpv4Packet);
  std::size_t total = 0;
  for (std::size_t segment : options.tx_segments) {
    if (segment == 0) return absl::InvalidArgumentError(absl::StrCat(asked, ": a segment of 0 bytes"));
    if (segment > maximum + left_out || total + segment > maximum + left_out) {
      const std::string frames = stream.tx_frames == 1 ? "one frame" : absl::StrCat(stream.tx_frames, " frames, each");
      return absl::InvalidArgumentError(absl::StrCat(asked, ": a packet is at most ", maximum + left_out, " bytes, in ", frames,
                                                     " behind its headroom of ", stream.pool->headroom(),
                                                     " (a larger frame: --mbuf-size; several: an MTU that asks for them, or sg=on)"));
    }
    total += segment;
  }
  if (total < kMinimumGeneratedBytes + left_out) {
    return absl::InvalidArgumentError(absl::StrCat(asked, ": ", total, " bytes in all, at least ", kMinimumGeneratedBytes + left_out,
                                                   " for the Ethernet, IPv4 and UDP headers",
                                                   left_out != 0 ? " and flowgen's 4 bytes of wire checksum" : ""));
  }
  return total - left_out;
}

uint64_t AtomicTimeNs() {
  timespec now = {};
  clock_gettime(CLOCK_TAI, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void AskForTime(Packet& packet) {
  pmd::AskDevice(mempool::Pool::FromId(packet.pool), packet, {.asks = pmd::TxMetadata::kTimestamp, .cookie = AtomicTimeNs()});
}

// A clock that is behind ours counts as no delay.
void TakeTimes(Stream& stream) {
  std::array<pmd::TxTimestamp, 32> stamps;
  const std::size_t count = stream.tx->TakeTimestamps(stamps);
  for (const pmd::TxTimestamp& stamp : std::span(stamps).first(count)) {
    stream.stats.tx_delay_ns.Add(std::max(stamp.time, stamp.cookie) - stamp.cookie);
  }
  stream.stats.tx_timestamps.Add(count);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ForwardEngine>> TxOnlyEngine::Make(const EngineOptions& options, const Stream& stream) {
  const absl::StatusOr<std::size_t> length = GeneratedLength(options, 0, stream);
  if (!length.ok()) return length.status();
  return std::unique_ptr<ForwardEngine>(new TxOnlyEngine(options, stream, *length));
}

TxOnlyEngine::TxOnlyEngine(const EngineOptions& options, const Stream& stream, std::size_t length)
    : template_(stream, {options.tx_ip_source, options.tx_ip_destination, options.tx_udp_source, options.tx_udp_destination}, length),
      multi_flow_(options.txonly_multi_flow),
      first_source_(options.tx_ip_source + static_cast<uint32_t>(stream.tx_queue)) {}

std::size_t TxOnlyEngine::Poll(Stream& stream) {
  const std::span<Packet> packets = template_.Generate(stream, buffer_);
  if (multi_flow_) {
    ForEachPacket(packets, [this](Packet& packet) { template_.SetIpSource(packet, first_source_ ^ uint32_t{next_source_++} << 8); });
  }
  if (stream.asks_for_times && !packets.empty()) AskForTime(packets.front());
  SendBurst(stream, packets, AfterBurst(stream, packets));  // the next burst follows, unless frames ran out
  if (stream.asks_for_times) TakeTimes(stream);
  return packets.size();
}

absl::StatusOr<std::unique_ptr<ForwardEngine>> FlowgenEngine::Make(const EngineOptions& options, const Stream& stream) {
  if (options.flowgen_flows == 0 || options.flowgen_flows > kMaximumFlows) {
    return absl::InvalidArgumentError(absl::StrCat("--flowgen-flows=", options.flowgen_flows, ": 1 to ", kMaximumFlows));
  }
  const absl::StatusOr<std::size_t> length = GeneratedLength(options, kWireChecksumBytes, stream);
  if (!length.ok()) return length.status();
  return std::unique_ptr<ForwardEngine>(new FlowgenEngine(options, stream, *length));
}

FlowgenEngine::FlowgenEngine(const EngineOptions& options, const Stream& stream, std::size_t length)
    : template_(stream, kFlowgenFlow, length), flows_(options.flowgen_flows) {}

std::size_t FlowgenEngine::Poll(Stream& stream) {
  const std::size_t received = ReceiveBurst(stream, buffer_).size();
  if (received != 0) FreeBurst(stream, {buffer_.data(), received}, stream.stats.consumed);

  const std::span<Packet> packets = template_.Generate(stream, buffer_);
  std::size_t flow = next_flow_;
  ForEachPacket(packets, [&](Packet& packet) {
    template_.SetIpDestination(packet, kFlowgenFlow.ip_destination + static_cast<uint32_t>(flow));
    if (++flow == flows_) flow = 0;
  });
  next_flow_ = (next_flow_ + SendBurst(stream, packets, AfterBurst(stream, packets))) % flows_;
  return received + packets.size();
}

}  // namespace pollux::testpmd
