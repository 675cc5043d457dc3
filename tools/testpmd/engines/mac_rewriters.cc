// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/mac_rewriters.h"

#include <array>
#include <cstring>

namespace pollux::testpmd {
namespace {

void SwapFiveTuple(std::span<std::byte> packet) {
  SwapFields<kMacBytes>(packet.data(), packet.data() + kMacBytes);
  const PacketHeaders headers = ParseHeaders(packet);
  std::byte* network = packet.data() + headers.network_offset;
  switch (headers.network) {
    case NetworkLayer::kNone:
      return;
    case NetworkLayer::kIpv4:
      SwapFields<4>(network + 12, network + 16);
      break;
    case NetworkLayer::kIpv6:
      SwapFields<16>(network + 8, network + 24);
      break;
  }
  const bool has_ports = headers.protocol == kProtocolTcp || headers.protocol == kProtocolUdp;
  if (!has_ports || headers.transport_length < 4) return;
  std::byte* transport = packet.data() + headers.transport_offset;
  SwapFields<2>(transport, transport + 2);
}

}  // namespace

void StoreTxAddresses(const Stream& stream, std::byte* ethernet) {
  std::memcpy(ethernet, stream.peer_mac.bytes.data(), kMacBytes);
  std::memcpy(ethernet + kMacBytes, stream.tx_port_mac.bytes.data(), kMacBytes);
}

std::span<Packet> MacRewriter::Rewrite(Stream& stream, std::span<Packet> packets) {
  std::array<std::byte, 2 * kMacBytes> addresses;
  StoreTxAddresses(stream, addresses.data());
  return EditEach(stream, packets, [&addresses](Packet& packet) { std::memcpy(packet.data, addresses.data(), addresses.size()); });
}

std::span<Packet> MacSwapRewriter::Rewrite(Stream& stream, std::span<Packet> packets) {
  return EditEach(stream, packets, [](Packet& packet) { SwapFields<kMacBytes>(packet.data, packet.data + kMacBytes); });
}

std::span<Packet> FiveTupleSwapRewriter::Rewrite(Stream& stream, std::span<Packet> packets) {
  return EditEach(stream, packets, [](Packet& packet) { SwapFiveTuple(packet.bytes()); });
}

}  // namespace pollux::testpmd
