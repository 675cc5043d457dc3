// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/checksum_completion.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "pmd/internet_checksum.h"
#include "pmd/network_order.h"
#include "pmd/other_addresses.h"

namespace pollux::pmd::af_xdp {
namespace {

using Bytes = std::span<std::byte>;

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kVlanTagBytes = 4;
constexpr int kMaximumVlanTags = 2;
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kTcpBytes = 20;
constexpr std::size_t kUdpBytes = 8;
constexpr std::size_t kVxlanBytes = 8;
constexpr std::size_t kGeneveBytes = 8;
constexpr int kMaximumExtensionHeaders = 8;
constexpr int kMaximumTunnels = 2;

// EtherTypes and ports, as they stand in a packet.
constexpr uint16_t kIpv4 = NetworkOrder16(0x0800);
constexpr uint16_t kIpv6 = NetworkOrder16(0x86DD);
constexpr uint16_t kVlan = NetworkOrder16(0x8100);
constexpr uint16_t kServiceVlan = NetworkOrder16(0x88A8);
constexpr uint16_t kOldServiceVlan = NetworkOrder16(0x9100);
constexpr uint16_t kBridgedEthernet = NetworkOrder16(0x6558);
constexpr uint16_t kVxlanPort = NetworkOrder16(4789);
constexpr uint16_t kLinuxVxlanPort = NetworkOrder16(8472);
constexpr uint16_t kGenevePort = NetworkOrder16(6081);

constexpr uint8_t kHopByHopOptions = 0;
constexpr uint8_t kIpv4InIp = 4;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kIpv6InIp = 41;
constexpr uint8_t kRoutingHeader = 43;
constexpr uint8_t kDestinationOptions = 60;

uint8_t Load8(const std::byte* field) {
  return static_cast<uint8_t>(*field);
}
uint16_t Load16(const std::byte* field) {
  uint16_t value;
  std::memcpy(&value, field, sizeof(value));
  return value;
}
// What eight bytes add to a sum.
uint64_t Sum8(const std::byte* field) {
  uint64_t value;
  std::memcpy(&value, field, sizeof(value));
  return (value & 0xFFFFFFFF) + (value >> 32);
}

// Most packets are finished and in no tunnel: all that is done to them becomes one function, CompleteFrame, and these are calls.
[[gnu::noinline]] bool CompleteInnerFrame(Bytes frame, int tunnels);
[[gnu::noinline]] bool CompleteInnerNetwork(uint16_t ether_type, Bytes network, int tunnels);

// The sum of a segment that holds the pseudo header's sum is that of both.
[[gnu::noinline]] bool Complete(Bytes segment, std::byte* field) {
  const uint16_t checksum = FoldChecksum(PartialSum(segment));
  std::memcpy(field, &checksum, sizeof(checksum));
  return true;
}

// `field_offset` lies within `segment`.
[[gnu::always_inline]] inline bool CompleteSegment(uint64_t pseudo_header, Bytes segment, std::size_t field_offset) {
  std::byte* const field = segment.data() + field_offset;
  if (Load16(field) != FoldSum(pseudo_header)) [[likely]]
    return false;
  return Complete(segment, field);
}

bool IsTunnel(uint16_t port) {
  return port == kVxlanPort || port == kLinuxVxlanPort || port == kGenevePort;
}

// What a datagram of UDP carries whose port says that it is a tunnel.
[[gnu::noinline]] bool CompleteTunnel(Bytes datagram, int tunnels) {
  const uint16_t port = Load16(datagram.data() + 2);
  const Bytes payload = datagram.subspan(kUdpBytes);
  const std::byte* const header = payload.data();
  if (port == kVxlanPort || port == kLinuxVxlanPort) {
    constexpr uint8_t kHasNetworkIdentifier = 0x08;
    if (payload.size() < kVxlanBytes || Load8(header) != kHasNetworkIdentifier) return false;
    return CompleteInnerFrame(payload.subspan(kVxlanBytes), tunnels);
  }
  if (payload.size() < kGeneveBytes || Load8(header) >> 6 != 0) return false;  // the version
  const std::size_t length = kGeneveBytes + std::size_t{4} * (Load8(header) & 0x3F);
  if (payload.size() < length) return false;
  const uint16_t protocol = Load16(header + 2);
  return protocol == kBridgedEthernet ? CompleteInnerFrame(payload.subspan(length), tunnels)
                                      : CompleteInnerNetwork(protocol, payload.subspan(length), tunnels);
}

// The pseudo header ends with the length and the protocol.
uint64_t WithLengthAndProtocol(uint64_t address_sum, std::size_t length, uint8_t protocol) {
  return address_sum + NetworkOrder16(static_cast<uint16_t>(length)) + NetworkOrder16(protocol);
}

[[gnu::always_inline]] inline bool CompleteUdp(uint64_t address_sum, Bytes segment, int tunnels) {
  if (segment.size() < kUdpBytes) return false;
  const std::size_t length = LoadBig16(segment.data() + 4);
  if (length < kUdpBytes || length > segment.size()) return false;
  const Bytes datagram = segment.first(length);
  // What is inside comes first: the outer checksum, where there is one, covers it in its finished form.
  const bool inside = IsTunnel(Load16(datagram.data() + 2)) && tunnels < kMaximumTunnels && CompleteTunnel(datagram, tunnels + 1);
  constexpr std::size_t kField = 6;
  if (!CompleteSegment(WithLengthAndProtocol(address_sum, length, kUdp), datagram, kField)) [[likely]]
    return inside;
  std::byte* const field = datagram.data() + kField;
  if (Load16(field) == 0) std::memset(field, 0xFF, 2);  // 0 says that there is none
  return true;
}

[[gnu::always_inline]] inline bool CompleteTransport(uint8_t protocol, uint64_t address_sum, Bytes segment, int tunnels) {
  if (protocol == kTcp) {
    if (segment.size() < kTcpBytes) return false;
    return CompleteSegment(WithLengthAndProtocol(address_sum, segment.size(), kTcp), segment, 16);
  }
  if (protocol == kUdp) return CompleteUdp(address_sum, segment, tunnels);
  if (tunnels == kMaximumTunnels) return false;
  if (protocol == kIpv4InIp) return CompleteInnerNetwork(kIpv4, segment, tunnels + 1);
  if (protocol == kIpv6InIp) return CompleteInnerNetwork(kIpv6, segment, tunnels + 1);
  return false;
}

[[gnu::always_inline]] inline bool CompleteIpv4(Bytes network, int tunnels) {
  if (network.size() < kIpv4Bytes) return false;
  const std::byte* const ip = network.data();
  const std::size_t header_length = std::size_t{4} * (Load8(ip) & 0x0F);
  const std::size_t total_length = LoadBig16(ip + 2);
  const bool fragment = (Load16(ip + 6) & NetworkOrder16(0x3FFF)) != 0;
  if (Load8(ip) >> 4 != 4 || header_length < kIpv4Bytes || total_length < header_length || total_length > network.size() || fragment) {
    return false;
  }
  if (header_length > kIpv4Bytes && HasOtherDestination(network.subspan(kIpv4Bytes, header_length - kIpv4Bytes))) return false;
  return CompleteTransport(Load8(ip + 9), Sum8(ip + 12), network.subspan(header_length, total_length - header_length), tunnels);
}

[[gnu::always_inline]] inline bool CompleteIpv6(Bytes network, int tunnels) {
  if (network.size() < kIpv6Bytes) return false;
  const std::byte* const ip = network.data();
  const std::size_t payload_length = LoadBig16(ip + 4);
  if (Load8(ip) >> 4 != 6 || payload_length > network.size() - kIpv6Bytes) return false;
  const uint64_t address_sum = Sum8(ip + 8) + Sum8(ip + 16) + Sum8(ip + 24) + Sum8(ip + 32);
  uint8_t protocol = Load8(ip + 6);
  Bytes rest = network.subspan(kIpv6Bytes, payload_length);
  for (int count = 0; count <= kMaximumExtensionHeaders; ++count) {
    if (protocol != kHopByHopOptions && protocol != kRoutingHeader && protocol != kDestinationOptions) [[likely]] {
      return CompleteTransport(protocol, address_sum, rest, tunnels);
    }
    if (rest.size() < 8) return false;
    const std::size_t length = std::size_t{8} * (Load8(&rest[1]) + 1);
    if (length > rest.size()) return false;
    const bool on_route = protocol == kRoutingHeader && Load8(&rest[3]) != 0;
    if (on_route || (protocol == kDestinationOptions && HasOtherSource(rest.subspan(2, length - 2)))) return false;
    protocol = Load8(&rest[0]);
    rest = rest.subspan(length);
  }
  return false;
}

[[gnu::always_inline]] inline bool CompleteNetwork(uint16_t ether_type, Bytes network, int tunnels) {
  if (ether_type == kIpv4) return CompleteIpv4(network, tunnels);
  if (ether_type == kIpv6) return CompleteIpv6(network, tunnels);
  return false;
}

[[gnu::always_inline]] inline bool CompleteFrame(Bytes frame, int tunnels) {
  if (frame.size() < kEthernetBytes) return false;
  uint16_t ether_type = Load16(frame.data() + kEthernetBytes - 2);
  frame = frame.subspan(kEthernetBytes);
  for (int tags = 0; ether_type == kVlan || ether_type == kServiceVlan || ether_type == kOldServiceVlan; ++tags) {
    if (tags == kMaximumVlanTags || frame.size() < kVlanTagBytes) return false;
    ether_type = Load16(frame.data() + 2);
    frame = frame.subspan(kVlanTagBytes);
  }
  return CompleteNetwork(ether_type, frame, tunnels);
}

bool CompleteInnerFrame(Bytes frame, int tunnels) {
  return CompleteFrame(frame, tunnels);
}
bool CompleteInnerNetwork(uint16_t ether_type, Bytes network, int tunnels) {
  return CompleteNetwork(ether_type, network, tunnels);
}

}  // namespace

bool LeavesChecksumsUnfinished(std::string_view driver) {
  constexpr std::string_view kDrivers[] = {"veth", "tun", "virtio_net"};
  return std::find(std::begin(kDrivers), std::end(kDrivers), driver) != std::end(kDrivers);
}

bool CompleteChecksum(Bytes packet) {
  return CompleteFrame(packet, 0);
}

std::size_t CompleteChecksums(std::span<const mempool::Packet> packets) {
  constexpr std::size_t kAhead = 4;   // packets whose headers are on their way from memory
  constexpr std::size_t kField = 50;  // of TCP over IPv4: the line where most headers are whole
  for (const mempool::Packet& packet : packets.first(std::min(kAhead, packets.size()))) __builtin_prefetch(packet.data + kField);
  std::size_t completed = 0;
  for (std::size_t index = 0; index < packets.size(); ++index) {
    if (index + kAhead < packets.size()) __builtin_prefetch(packets[index + kAhead].data + kField);
    if (CompleteFrame(packets[index].bytes(), 0)) ++completed;
  }
  return completed;
}

namespace {

// The bytes of the frames, one after the other; empty if they do not fit.
Bytes Gather(std::span<const mempool::Packet> frames, Bytes scratch) {
  std::size_t length = 0;
  for (const mempool::Packet& frame : frames) {
    if (frame.length > scratch.size() - length) return {};
    std::memcpy(scratch.data() + length, frame.data, frame.length);
    length += frame.length;
  }
  return scratch.first(length);
}

}  // namespace

std::size_t CompleteChecksums(std::span<const mempool::Packet> packets, Bytes scratch) {
  std::size_t completed = 0;
  while (!packets.empty()) {
    const std::span<const mempool::Packet> frames = packets.first(mempool::FramesOfFirst(packets));
    packets = packets.subspan(frames.size());
    if (frames.size() == 1) {
      if (CompleteFrame(frames.front().bytes(), 0)) ++completed;
      continue;
    }
    const Bytes whole = Gather(frames, scratch);
    if (!CompleteFrame(whole, 0)) continue;
    ++completed;
    const std::byte* at = whole.data();
    for (const mempool::Packet& frame : frames) {
      std::memcpy(frame.data, at, frame.length);
      at += frame.length;
    }
  }
  return completed;
}

}  // namespace pollux::pmd::af_xdp
