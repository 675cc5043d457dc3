// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/icmp_echo_engine.h"

#include <algorithm>
#include <cstring>

#include "mempool/pool.h"
#include "tools/testpmd/engines/checksum.h"
#include "tools/testpmd/engines/packet_headers.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kArpBytes = 28;
constexpr uint8_t kIcmpEchoRequest = 8;
constexpr uint8_t kIcmpEchoReply = 0;
constexpr uint8_t kIcmpv6EchoRequest = 128;
constexpr uint8_t kIcmpv6EchoReply = 129;
constexpr uint8_t kNeighbourSolicitation = 135;
constexpr uint8_t kNeighbourAdvertisement = 136;
constexpr uint32_t kSolicitedAndOverride = 0x60000000;
constexpr uint8_t kTargetLinkAddressOption = 2;
constexpr std::size_t kSolicitationBytes = 24;
constexpr std::size_t kAdvertisementBytes = kSolicitationBytes + 8;  // with the link address option
constexpr std::size_t kEchoBytes = 8;
constexpr uint8_t kFarthestHopLimit = 255;  // RFC 4861: shows that no router passed it on

uint8_t Octet(const std::byte* field) {
  return static_cast<uint8_t>(*field);
}

// Back to where the packet came from. No station sends from a group address: the port's own stands in for it.
void TurnEthernetAround(const Stream& stream, std::byte* ethernet) {
  SwapFields<kMacBytes>(ethernet, ethernet + kMacBytes);
  if ((Octet(ethernet + kMacBytes) & 1) != 0) std::memcpy(ethernet + kMacBytes, stream.tx_port_mac.bytes.data(), kMacBytes);
}

bool AnswerArp(const Stream& stream, std::span<std::byte> packet, const PacketHeaders& headers) {
  if (packet.size() < headers.network_offset + kArpBytes) return false;
  std::byte* arp = packet.data() + headers.network_offset;
  const bool for_ethernet = LoadBig16(arp) == 1 && LoadBig16(arp + 2) == kEtherTypeIpv4 && Octet(arp + 4) == 6 && Octet(arp + 5) == 4;
  if (!for_ethernet || LoadBig16(arp + 6) != 1) return false;

  std::byte* ethernet = packet.data();
  std::memcpy(ethernet, ethernet + kMacBytes, kMacBytes);
  std::memcpy(ethernet + kMacBytes, stream.tx_port_mac.bytes.data(), kMacBytes);
  StoreBig16(arp + 6, 2);
  std::byte* sender = arp + 8;
  std::byte* target = arp + 18;
  std::memcpy(target, sender, kMacBytes);
  std::memcpy(sender, stream.tx_port_mac.bytes.data(), kMacBytes);
  SwapFields<4>(sender + kMacBytes, target + kMacBytes);
  return true;
}

// Replaces the type, and adapts the checksum to it.
void StoreIcmpType(std::byte* icmp, uint8_t type) {
  uint16_t before;
  uint16_t after;
  std::memcpy(&before, icmp, sizeof(before));
  icmp[0] = std::byte{type};
  std::memcpy(&after, icmp, sizeof(after));
  UpdateChecksum(icmp + 2, before, after);
}

bool AnswerIcmp(const Stream& stream, std::span<std::byte> packet, const PacketHeaders& headers) {
  if (headers.protocol != kProtocolIcmp || headers.fragment || headers.transport_length < kEchoBytes) return false;
  std::byte* icmp = packet.data() + headers.transport_offset;
  if (Octet(icmp) != kIcmpEchoRequest || Octet(icmp + 1) != 0) return false;

  TurnEthernetAround(stream, packet.data());
  std::byte* network = packet.data() + headers.network_offset;
  const uint32_t source = LoadBig32(network + 12);
  const uint32_t destination = LoadBig32(network + 16);
  if (destination >> 28 == 0xE || destination == 0xFFFFFFFF) {
    StoreBig32(network + 12, (source & ~uint32_t{3}) | ((source & 3) == 1 ? 2 : 1));
    StoreBig32(network + 16, source);
    StoreIpv4Checksum(network, headers.transport_offset - headers.network_offset);
  } else {
    SwapFields<4>(network + 12, network + 16);
  }
  StoreIcmpType(icmp, kIcmpEchoReply);
  return true;
}

bool IsUnspecified(const std::byte* ipv6_address) {
  return std::all_of(ipv6_address, ipv6_address + 16, [](std::byte octet) { return octet == std::byte{0}; });
}

// May make the packet 8 bytes longer, if the solicitation came without an option and its frame has room.
bool AnswerSolicitation(const Stream& stream, Packet& packet, const PacketHeaders& headers) {
  std::byte* network = packet.data + headers.network_offset;
  std::byte* icmp = packet.data + headers.transport_offset;
  const bool extended = headers.transport_offset != headers.network_offset + kIpv6Bytes;
  if (extended || headers.transport_length < kSolicitationBytes || Octet(network + 7) != kFarthestHopLimit) return false;
  if (Octet(icmp + 1) != 0 || IsUnspecified(network + 8)) return false;
  const std::size_t length = headers.transport_offset + kAdvertisementBytes;
  if (length > packet.length && mempool::Pool::FromId(packet.pool).Tailroom(packet) < length - packet.length) return false;

  packet.length = static_cast<uint32_t>(length);
  std::memcpy(packet.data, packet.data + kMacBytes, kMacBytes);
  std::memcpy(packet.data + kMacBytes, stream.tx_port_mac.bytes.data(), kMacBytes);
  StoreBig16(network + 4, kAdvertisementBytes);
  std::memcpy(network + 24, network + 8, 16);
  std::memcpy(network + 8, icmp + 8, 16);
  icmp[0] = std::byte{kNeighbourAdvertisement};
  StoreBig16(icmp + 2, 0);
  StoreBig32(icmp + 4, kSolicitedAndOverride);
  icmp[24] = std::byte{kTargetLinkAddressOption};
  icmp[25] = std::byte{1};  // in units of 8 bytes
  std::memcpy(icmp + 26, stream.tx_port_mac.bytes.data(), kMacBytes);
  const uint16_t checksum = FoldChecksum(PartialSum({icmp, kAdvertisementBytes}) +
                                         PseudoHeaderSum(NetworkLayer::kIpv6, network, kProtocolIcmpv6, kAdvertisementBytes));
  std::memcpy(icmp + 2, &checksum, sizeof(checksum));
  return true;
}

bool AnswerIcmpv6(const Stream& stream, Packet& packet, const PacketHeaders& headers) {
  if (headers.protocol != kProtocolIcmpv6 || headers.fragment || headers.transport_length < kEchoBytes) return false;
  std::byte* network = packet.data + headers.network_offset;
  std::byte* icmp = packet.data + headers.transport_offset;
  if (Octet(icmp) == kNeighbourSolicitation) return AnswerSolicitation(stream, packet, headers);
  const bool multicast = Octet(network + 24) == 0xFF;
  if (Octet(icmp) != kIcmpv6EchoRequest || Octet(icmp + 1) != 0 || multicast) return false;

  TurnEthernetAround(stream, packet.data);
  SwapFields<16>(network + 8, network + 24);
  StoreIcmpType(icmp, kIcmpv6EchoReply);
  return true;
}

// Returns false if there is nothing to answer; the packet is unchanged then.
bool Answer(const Stream& stream, Packet& packet) {
  const PacketHeaders headers = ParseHeaders(packet.bytes());
  if (headers.ether_type == kEtherTypeArp) return AnswerArp(stream, packet.bytes(), headers);
  if (headers.network == NetworkLayer::kIpv4) return AnswerIcmp(stream, packet.bytes(), headers);
  if (headers.network == NetworkLayer::kIpv6) return AnswerIcmpv6(stream, packet, headers);
  return false;
}

}  // namespace

std::size_t IcmpEchoEngine::Poll(Stream& stream) {
  const std::span<Packet> packets = ReceiveBurst(stream, buffer_);
  std::size_t answers = 0;
  std::size_t others = 0;
  bool begins = true;
  bool answered = false;
  for (Packet& packet : packets) {
    if (begins) answered = Answer(stream, packet);
    begins = !packet.continues();
    if (answered) {
      packets[answers++] = packet;
    } else {
      others_[others++] = packet;
    }
  }
  if (others != 0) FreeBurst(stream, std::span(others_).first(others), stream.stats.not_answered);
  SendBurst(stream, packets.first(answers));
  return packets.size();
}

}  // namespace pollux::testpmd
