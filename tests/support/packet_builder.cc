// SPDX-License-Identifier: Apache-2.0
#include "tests/support/packet_builder.h"

#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace pollux::support {
namespace {

using Frame = PacketBuilder::Frame;

constexpr uint8_t kProtocolHopByHop = 0;
constexpr uint8_t kProtocolRouting = 43;
constexpr uint8_t kProtocolFragment = 44;
constexpr uint8_t kProtocolDestinationOptions = 60;
constexpr uint8_t kProtocolNone = 59;
constexpr uint8_t kProtocolExperiment = 253;

[[noreturn]] void Die(const char* what, const std::string& value) {
  std::fprintf(stderr, "PacketBuilder: %s: '%s'\n", what, value.c_str());
  std::abort();
}

void Put8(Frame& frame, uint8_t value) {
  frame.push_back(static_cast<std::byte>(value));
}

void Put16(Frame& frame, uint16_t value) {
  Put8(frame, value >> 8);
  Put8(frame, value & 0xff);
}

void Put32(Frame& frame, uint32_t value) {
  Put16(frame, value >> 16);
  Put16(frame, value & 0xffff);
}

void Set16(Frame& frame, size_t offset, uint16_t value) {
  frame[offset] = static_cast<std::byte>(value >> 8);
  frame[offset + 1] = static_cast<std::byte>(value & 0xff);
}

void PutMac(Frame& frame, const std::string& text) {
  unsigned bytes[6];
  char rest;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4], &bytes[5], &rest) !=
      6) {
    Die("not a MAC address", text);
  }
  for (unsigned byte : bytes) Put8(frame, static_cast<uint8_t>(byte));
}

void PutAddress(Frame& frame, int family, const std::string& text) {
  unsigned char bytes[16];
  if (inet_pton(family, text.c_str(), bytes) != 1) Die("not an IP address of this family", text);
  for (int i = 0; i < (family == AF_INET ? 4 : 16); ++i) Put8(frame, bytes[i]);
}

// Options of TCP and IPv4 alike: 1 is a no-operation in both.
void PutOptions(Frame& frame, size_t length) {
  if (length % 4 != 0 || length > 40) Die("options of this length", std::to_string(length));
  for (size_t i = 0; i < length; ++i) Put8(frame, 1);
}

uint32_t SumWords(const std::byte* bytes, size_t length, uint32_t sum) {
  for (size_t i = 0; i < length; ++i) sum += static_cast<uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  return sum;
}

}  // namespace

uint16_t InternetChecksum(const std::byte* bytes, size_t length, uint32_t sum) {
  sum = SumWords(bytes, length, sum);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

PacketBuilder& PacketBuilder::Add(Kind kind, uint16_t number, bool names_next, Frame bytes, bool checksum) {
  layers_.push_back({kind, number, names_next, checksum, std::move(bytes)});
  return *this;
}

PacketBuilder& PacketBuilder::Ethernet(const EthernetFields& fields) {
  Frame bytes;
  PutMac(bytes, fields.destination);
  PutMac(bytes, fields.source);
  Put16(bytes, fields.ether_type.value_or(0));
  return Add(Kind::kEthernet, 0, !fields.ether_type, std::move(bytes));
}

PacketBuilder& PacketBuilder::Vlan(uint16_t id, const VlanFields& fields) {
  Frame bytes;
  Put16(bytes, static_cast<uint16_t>(fields.priority << 13 | (id & 0xfff)));
  Put16(bytes, fields.ether_type.value_or(0));
  return Add(Kind::kVlan, fields.tag_protocol, !fields.ether_type, std::move(bytes));
}

PacketBuilder& PacketBuilder::Ipv4(const Ipv4Fields& fields) {
  Frame bytes;
  Put8(bytes, static_cast<uint8_t>(0x40 | (5 + fields.options_length / 4)));
  Put8(bytes, fields.type_of_service);
  Put16(bytes, 0);  // total length
  Put16(bytes, fields.identification);
  Put16(bytes, static_cast<uint16_t>((fields.do_not_fragment ? 0x4000 : 0) | (fields.more_fragments ? 0x2000 : 0) |
                                     (fields.fragment_offset & 0x1fff)));
  Put8(bytes, fields.time_to_live);
  Put8(bytes, fields.protocol.value_or(kProtocolExperiment));
  Put16(bytes, 0);  // checksum
  PutAddress(bytes, AF_INET, fields.source);
  PutAddress(bytes, AF_INET, fields.destination);
  PutOptions(bytes, fields.options_length);
  return Add(Kind::kIpv4, 0x0800, !fields.protocol, std::move(bytes));
}

PacketBuilder& PacketBuilder::Ipv6(const Ipv6Fields& fields) {
  Frame bytes;
  Put32(bytes, 6u << 28 | static_cast<uint32_t>(fields.traffic_class) << 20 | (fields.flow_label & 0xfffff));
  Put16(bytes, 0);  // payload length
  Put8(bytes, fields.next_header.value_or(kProtocolNone));
  Put8(bytes, fields.hop_limit);
  PutAddress(bytes, AF_INET6, fields.source);
  PutAddress(bytes, AF_INET6, fields.destination);
  return Add(Kind::kIpv6, 0x86dd, !fields.next_header, std::move(bytes));
}

PacketBuilder& PacketBuilder::AddExtension(uint8_t number, size_t length) {
  if (length % 8 != 0 || length == 0 || length > 2048) Die("IPv6 extension header of this length", std::to_string(length));
  Frame bytes(length, std::byte{0});
  bytes[0] = static_cast<std::byte>(kProtocolNone);
  bytes[1] = static_cast<std::byte>(length / 8 - 1);
  return Add(Kind::kIpv6Extension, number, true, std::move(bytes));
}

PacketBuilder& PacketBuilder::Ipv6HopByHop(size_t length) {
  return AddExtension(kProtocolHopByHop, length);
}
PacketBuilder& PacketBuilder::Ipv6Routing(size_t length) {
  return AddExtension(kProtocolRouting, length);
}
PacketBuilder& PacketBuilder::Ipv6DestinationOptions(size_t length) {
  return AddExtension(kProtocolDestinationOptions, length);
}

PacketBuilder& PacketBuilder::Ipv6Fragment(const Ipv6FragmentFields& fields) {
  Frame bytes;
  Put8(bytes, fields.next_header.value_or(kProtocolNone));
  Put8(bytes, 0);
  Put16(bytes, static_cast<uint16_t>(fields.offset << 3 | (fields.more_fragments ? 1 : 0)));
  Put32(bytes, fields.identification);
  return Add(Kind::kIpv6Extension, kProtocolFragment, !fields.next_header, std::move(bytes));
}

PacketBuilder& PacketBuilder::Udp(const UdpFields& fields) {
  Frame bytes;
  Put16(bytes, fields.source);
  Put16(bytes, fields.destination);
  Put32(bytes, 0);  // length, checksum
  return Add(Kind::kUdp, IPPROTO_UDP, false, std::move(bytes), fields.checksum);
}

PacketBuilder& PacketBuilder::Tcp(const TcpFields& fields) {
  Frame bytes;
  Put16(bytes, fields.source);
  Put16(bytes, fields.destination);
  Put32(bytes, fields.sequence);
  Put32(bytes, fields.acknowledgement);
  Put8(bytes, static_cast<uint8_t>((5 + fields.options_length / 4) << 4));
  Put8(bytes, fields.flags);
  Put16(bytes, fields.window);
  Put32(bytes, 0);  // checksum, urgent pointer
  PutOptions(bytes, fields.options_length);
  return Add(Kind::kTcp, IPPROTO_TCP, false, std::move(bytes));
}

PacketBuilder& PacketBuilder::Icmp(const IcmpFields& fields) {
  Frame bytes;
  Put8(bytes, fields.type);
  Put8(bytes, fields.code);
  Put16(bytes, 0);
  Put16(bytes, fields.identifier);
  Put16(bytes, fields.sequence);
  return Add(Kind::kIcmp, IPPROTO_ICMP, false, std::move(bytes));
}

PacketBuilder& PacketBuilder::Icmp6(const IcmpFields& fields) {
  Icmp(fields);
  layers_.back().kind = Kind::kIcmp6;
  layers_.back().number = IPPROTO_ICMPV6;
  return *this;
}

PacketBuilder& PacketBuilder::Arp(const ArpFields& fields) {
  Frame bytes;
  Put16(bytes, 1);  // Ethernet
  Put16(bytes, 0x0800);
  Put8(bytes, 6);
  Put8(bytes, 4);
  Put16(bytes, fields.operation);
  PutMac(bytes, fields.sender_hardware);
  PutAddress(bytes, AF_INET, fields.sender);
  PutMac(bytes, fields.target_hardware);
  PutAddress(bytes, AF_INET, fields.target);
  return Add(Kind::kArp, 0x0806, false, std::move(bytes));
}

PacketBuilder& PacketBuilder::Payload(std::string_view bytes) {
  Frame copy(bytes.size());
  if (!bytes.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
  return Add(Kind::kPayload, 0, false, std::move(copy));
}

PacketBuilder& PacketBuilder::Payload(size_t length) {
  Frame bytes(length);
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(i & 0xff);
  return Add(Kind::kPayload, 0, false, std::move(bytes));
}

PacketBuilder& PacketBuilder::FillTo(size_t length) {
  if (length < Length()) Die("headers are longer than the frame", std::to_string(length));
  return Payload(length - Length());
}

PacketBuilder& PacketBuilder::Truncate(size_t length) {
  truncate_ = length;
  return *this;
}

size_t PacketBuilder::Length() const {
  size_t length = 0;
  for (const Layer& layer : layers_) length += layer.bytes.size();
  return length;
}

void PacketBuilder::NameNext(Layer& layer, const Layer* next) {
  if (!layer.names_next || next == nullptr || next->kind == Kind::kPayload) return;
  // Inside IP, another IP header goes by a protocol number of its own.
  uint16_t protocol = next->number;
  if (next->kind == Kind::kIpv4) protocol = IPPROTO_IPIP;
  if (next->kind == Kind::kIpv6) protocol = IPPROTO_IPV6;
  if (layer.kind == Kind::kEthernet) Set16(layer.bytes, 12, next->number);
  if (layer.kind == Kind::kVlan) Set16(layer.bytes, 2, next->number);
  if (layer.kind == Kind::kIpv4) layer.bytes[9] = static_cast<std::byte>(protocol);
  if (layer.kind == Kind::kIpv6) layer.bytes[6] = static_cast<std::byte>(protocol);
  if (layer.kind == Kind::kIpv6Extension) layer.bytes[0] = static_cast<std::byte>(protocol);
}

PacketBuilder::Frame PacketBuilder::Build() const {
  std::vector<Layer> layers = layers_;
  Frame tail;  // what follows the layer at hand, finished
  for (size_t i = layers.size(); i-- > 0;) {
    Layer& layer = layers[i];
    NameNext(layer, i + 1 < layers.size() ? &layers[i + 1] : nullptr);
    size_t length = layer.bytes.size() + tail.size();
    if (layer.kind == Kind::kIpv4) {
      Set16(layer.bytes, 2, static_cast<uint16_t>(length));
      Set16(layer.bytes, 10, InternetChecksum(layer.bytes.data(), layer.bytes.size()));
    }
    if (layer.kind == Kind::kIpv6) Set16(layer.bytes, 4, static_cast<uint16_t>(tail.size()));
    if (layer.kind == Kind::kUdp) Set16(layer.bytes, 4, static_cast<uint16_t>(length));
    tail.insert(tail.begin(), layer.bytes.begin(), layer.bytes.end());

    // Checksums of the transport need the addresses of the IP header before it.
    size_t offset = layer.kind == Kind::kUdp ? 6 : layer.kind == Kind::kTcp ? 16 : 2;
    bool transport = layer.kind == Kind::kUdp || layer.kind == Kind::kTcp || layer.kind == Kind::kIcmp || layer.kind == Kind::kIcmp6;
    if (!transport || !layer.checksum) continue;
    uint32_t sum = 0;
    for (size_t j = i; layer.kind != Kind::kIcmp && j-- > 0;) {
      if (layers[j].kind != Kind::kIpv4 && layers[j].kind != Kind::kIpv6) continue;
      sum = layers[j].kind == Kind::kIpv4 ? SumWords(&layers[j].bytes[12], 8, 0) : SumWords(&layers[j].bytes[8], 32, 0);
      sum += layer.number + static_cast<uint32_t>(length);
      break;
    }
    uint16_t checksum = InternetChecksum(tail.data(), tail.size(), sum);
    if (layer.kind == Kind::kUdp && checksum == 0) checksum = 0xffff;
    Set16(tail, offset, checksum);
  }
  if (truncate_ && *truncate_ < tail.size()) tail.resize(*truncate_);
  return tail;
}

}  // namespace pollux::support
