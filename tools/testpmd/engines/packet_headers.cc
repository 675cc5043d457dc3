// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/packet_headers.h"

#include <algorithm>

#include "pmd/other_addresses.h"

namespace pollux::testpmd {
namespace {

constexpr uint8_t kHopByHopOptions = 0;
constexpr uint8_t kRoutingHeader = 43;
constexpr uint8_t kFragmentHeader = 44;
constexpr uint8_t kAuthenticationHeader = 51;
constexpr uint8_t kDestinationOptions = 60;
constexpr int kMaximumExtensionHeaders = 8;

bool IsVlan(uint16_t ether_type) {
  return ether_type == kEtherTypeVlan || ether_type == kEtherTypeServiceVlan || ether_type == kEtherTypeOldServiceVlan;
}

// Sets the transport fields from where IP says that its payload begins and ends; the packet may end before.
void SetTransport(std::size_t packet_length, std::size_t begin, std::size_t end, PacketHeaders& headers) {
  const std::size_t present = std::min(packet_length, end);
  if (begin >= present) return;
  headers.transport_offset = static_cast<uint32_t>(begin);
  headers.transport_length = static_cast<uint32_t>(present - begin);
  headers.transport_complete = end <= packet_length && !headers.fragment;
}

void ParseIpv4(std::span<const std::byte> packet, PacketHeaders& headers) {
  const std::size_t begin = headers.network_offset;
  if (packet.size() < begin + kIpv4Bytes) return;
  const std::byte* ip = packet.data() + begin;
  const uint8_t version_and_words = static_cast<uint8_t>(ip[0]);
  const std::size_t header_length = std::size_t{4} * (version_and_words & 0x0F);
  const std::size_t total_length = LoadBig16(ip + 2);
  if (version_and_words >> 4 != 4 || header_length < kIpv4Bytes || packet.size() < begin + header_length) return;
  if (total_length < header_length) return;

  headers.network = NetworkLayer::kIpv4;
  headers.protocol = static_cast<uint8_t>(ip[9]);
  const uint16_t fragment_field = LoadBig16(ip + 6);
  headers.fragment = (fragment_field & 0x3FFF) != 0;  // more fragments, or an offset
  if ((fragment_field & 0x1FFF) != 0) return;
  SetTransport(packet.size(), begin + header_length, begin + total_length, headers);
  if (pmd::HasOtherDestination(packet.subspan(begin + kIpv4Bytes, header_length - kIpv4Bytes))) headers.transport_complete = false;
}

void ParseIpv6(std::span<const std::byte> packet, PacketHeaders& headers) {
  std::size_t offset = headers.network_offset;
  if (packet.size() < offset + kIpv6Bytes) return;
  const std::byte* ip = packet.data() + offset;
  if (static_cast<uint8_t>(ip[0]) >> 4 != 6) return;
  headers.network = NetworkLayer::kIpv6;
  headers.protocol = static_cast<uint8_t>(ip[6]);
  offset += kIpv6Bytes;
  const std::size_t end = offset + LoadBig16(ip + 4);

  bool own_addresses = true;  // false: the pseudo header has others
  for (int count = 0; count <= kMaximumExtensionHeaders; ++count) {
    std::size_t length;
    if (headers.protocol != kHopByHopOptions && headers.protocol != kRoutingHeader && headers.protocol != kFragmentHeader &&
        headers.protocol != kAuthenticationHeader && headers.protocol != kDestinationOptions) {
      SetTransport(packet.size(), offset, end, headers);
      headers.transport_complete = headers.transport_complete && own_addresses;
      return;
    }
    if (std::min(packet.size(), end) < offset + 8) return;
    const std::byte* extension = packet.data() + offset;
    const uint8_t length_field = static_cast<uint8_t>(extension[1]);
    if (headers.protocol == kFragmentHeader) {
      const uint16_t fragment_field = LoadBig16(extension + 2);
      headers.fragment = headers.fragment || (fragment_field & 0xFFF9) != 0;
      headers.protocol = static_cast<uint8_t>(extension[0]);
      if ((fragment_field & 0xFFF8) != 0) return;
      offset += 8;
      continue;
    }
    if (headers.protocol == kRoutingHeader && static_cast<uint8_t>(extension[3]) != 0) own_addresses = false;
    length = headers.protocol == kAuthenticationHeader ? std::size_t{4} * (length_field + 2) : std::size_t{8} * (length_field + 1);
    if (headers.protocol == kDestinationOptions && packet.size() >= offset + length &&
        pmd::HasOtherSource(packet.subspan(offset + 2, length - 2))) {
      own_addresses = false;
    }
    headers.protocol = static_cast<uint8_t>(extension[0]);
    offset += length;
  }
}

}  // namespace

PacketHeaders ParseHeaders(std::span<const std::byte> packet) {
  PacketHeaders headers;
  if (packet.size() < kEthernetBytes) return headers;
  std::size_t offset = kEthernetBytes;
  headers.ether_type = LoadBig16(packet.data() + 2 * kMacBytes);
  while (IsVlan(headers.ether_type) && headers.vlan_tags < kMaximumVlanTags && packet.size() >= offset + kVlanTagBytes) {
    headers.ether_type = LoadBig16(packet.data() + offset + 2);
    offset += kVlanTagBytes;
    ++headers.vlan_tags;
  }
  headers.network_offset = static_cast<uint32_t>(offset);
  if (headers.ether_type == kEtherTypeIpv4) ParseIpv4(packet, headers);
  if (headers.ether_type == kEtherTypeIpv6) ParseIpv6(packet, headers);
  return headers;
}

}  // namespace pollux::testpmd
