// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/describe_packet.h"

#include <cstring>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "pmd/mac_address.h"
#include "pmd/rx_metadata.h"
#include "tools/testpmd/engines/packet_headers.h"

namespace pollux::testpmd {
namespace {

std::string MacText(const std::byte* address) {
  pmd::MacAddress mac;
  std::memcpy(mac.bytes.data(), address, mac.bytes.size());
  return mac.ToString();
}

const char* LinkName(const PacketHeaders& headers) {
  if (headers.vlan_tags == 2) return "L2_ETHER_QINQ";
  if (headers.vlan_tags == 1) return "L2_ETHER_VLAN";
  return headers.ether_type == kEtherTypeArp ? "L2_ETHER_ARP" : "L2_ETHER";
}

// With " - l3_len=" and " - l4_len=" for what is there.
void AppendNetwork(std::span<const std::byte> packet, const PacketHeaders& headers, std::string& names, std::string& lengths) {
  if (headers.network == NetworkLayer::kNone) return;
  const bool ipv4 = headers.network == NetworkLayer::kIpv4;
  std::size_t header_length = kIpv6Bytes;
  if (ipv4) header_length = std::size_t{4} * (static_cast<uint8_t>(packet[headers.network_offset]) & 0x0F);
  if (headers.transport_length != 0) header_length = headers.transport_offset - headers.network_offset;
  absl::StrAppend(&names, ipv4 ? " L3_IPV4" : " L3_IPV6", header_length > (ipv4 ? kIpv4Bytes : kIpv6Bytes) ? "_EXT" : "");
  absl::StrAppend(&lengths, " - l3_len=", header_length);

  if (headers.fragment) {
    absl::StrAppend(&names, " L4_FRAG");
    return;
  }
  const std::byte* transport = packet.data() + headers.transport_offset;
  if (headers.protocol == kProtocolUdp && headers.transport_length >= kUdpBytes) {
    absl::StrAppend(&names, " L4_UDP");
    absl::StrAppend(&lengths, " - l4_len=", kUdpBytes);
  } else if (headers.protocol == kProtocolTcp && headers.transport_length >= kTcpBytes) {
    absl::StrAppend(&names, " L4_TCP");
    absl::StrAppend(&lengths, " - l4_len=", 4 * (static_cast<unsigned>(transport[12]) >> 4));
  } else if ((headers.protocol == kProtocolIcmp && ipv4) || (headers.protocol == kProtocolIcmpv6 && !ipv4)) {
    absl::StrAppend(&names, " L4_ICMP");
  }
}

}  // namespace

std::string DescribePacket(std::span<const std::byte> packet) {
  return DescribePacket(packet, packet.size(), 1);
}

std::string DescribePacket(std::span<const std::byte> packet, std::size_t length, std::size_t segments) {
  if (packet.size() < kEthernetBytes) return absl::StrCat("length=", length, " - nb_segs=", segments, " - no Ethernet header");
  const PacketHeaders headers = ParseHeaders(packet);
  std::string names = LinkName(headers);
  std::string lengths = absl::StrCat(" - l2_len=", headers.network_offset);
  AppendNetwork(packet, headers, names, lengths);
  return absl::StrFormat("src=%s - dst=%s - type=0x%04x - length=%u - nb_segs=%u - sw ptype: %s%s", MacText(packet.data() + kMacBytes),
                         MacText(packet.data()), headers.ether_type, length, segments, names, lengths);
}

std::string DescribeBurst(std::size_t port, std::size_t queue, bool received, std::span<const mempool::Packet> packets) {
  std::string text =
      absl::StrFormat("port %u/queue %u: %s %u packets\n", port, queue, received ? "received" : "sent", mempool::CountPackets(packets));
  while (!packets.empty()) {
    const std::span<const mempool::Packet> frames = packets.first(mempool::FramesOfFirst(packets));
    packets = packets.subspan(frames.size());
    std::size_t length = 0;
    for (const mempool::Packet& frame : frames) length += frame.length;
    absl::StrAppend(&text, "  ", DescribePacket(frames.front().bytes(), length, frames.size()));
    const auto metadata = received ? pmd::ReadRxMetadata(frames.front()) : std::nullopt;
    if (metadata && metadata->valid != 0) absl::StrAppend(&text, " - ", pmd::DescribeRxMetadata(*metadata));
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace pollux::testpmd
