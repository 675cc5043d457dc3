// SPDX-License-Identifier: Apache-2.0
// PacketBuilder: frames for tests, written as they are spoken of.
//
//   std::vector<std::byte> frame = PacketBuilder().Ethernet().Vlan(100).Ipv4({.destination = "10.1.2.3"}).Udp({.destination =
//   53}).Payload(18).Build();
//
// Headers stand in the order of the calls. Build() fills in what follows from that order: EtherTypes, next protocols, lengths and the
// checksums of IPv4, UDP, TCP, ICMP and ICMPv6. Whatever a test wants to be wrong it names (`protocol`, `ether_type`, Truncate) or
// flips in the bytes that Build() returned.
#ifndef TESTS_SUPPORT_PACKET_BUILDER_H_
#define TESTS_SUPPORT_PACKET_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pollux::support {

struct EthernetFields {
  std::string source = "02:00:00:00:00:01";
  std::string destination = "02:00:00:00:00:02";
  std::optional<uint16_t> ether_type = std::nullopt;  // else of the next header; 0 if there is none
};

struct VlanFields {
  uint16_t tag_protocol = 0x8100;  // 0x88a8: a service tag (802.1ad)
  uint8_t priority = 0;
  std::optional<uint16_t> ether_type = std::nullopt;
};

struct Ipv4Fields {
  std::string source = "10.0.0.1";
  std::string destination = "10.0.0.2";
  uint8_t type_of_service = 0;
  uint8_t time_to_live = 64;
  uint16_t identification = 0;
  uint16_t fragment_offset = 0;  // in units of 8 bytes, as on the wire
  bool more_fragments = false;
  bool do_not_fragment = false;
  size_t options_length = 0;                       // bytes of no-operation options; a multiple of 4, at most 40
  std::optional<uint8_t> protocol = std::nullopt;  // else of the next header; 253 (for experiments) if there is none
};

struct Ipv6Fields {
  std::string source = "2001:db8::1";
  std::string destination = "2001:db8::2";
  uint8_t traffic_class = 0;
  uint32_t flow_label = 0;
  uint8_t hop_limit = 64;
  std::optional<uint8_t> next_header = std::nullopt;  // else of the next header; 59 (no next header) if there is none
};

struct Ipv6FragmentFields {
  uint16_t offset = 0;  // in units of 8 bytes
  bool more_fragments = false;
  uint32_t identification = 1;
  std::optional<uint8_t> next_header = std::nullopt;
};

struct UdpFields {
  uint16_t source = 1024;
  uint16_t destination = 2048;
  bool checksum = true;  // false: 0, "not computed"
};

struct TcpFields {
  uint16_t source = 1024;
  uint16_t destination = 2048;
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = 0x10;  // ACK
  uint16_t window = 65535;
  size_t options_length = 0;  // as of Ipv4Fields
};

struct IcmpFields {
  uint8_t type = 8;  // echo request; ICMPv6's is 128
  uint8_t code = 0;
  uint16_t identifier = 1;
  uint16_t sequence = 1;
};

struct ArpFields {
  uint16_t operation = 1;  // request; 2: reply
  std::string sender_hardware = "02:00:00:00:00:01";
  std::string sender = "10.0.0.1";
  std::string target_hardware = "00:00:00:00:00:00";
  std::string target = "10.0.0.2";
};

// Aborts on a malformed address or length: a mistake of the test's text, not of what it tests.
class PacketBuilder {
 public:
  using Frame = std::vector<std::byte>;

  PacketBuilder& Ethernet(const EthernetFields& fields = {});
  PacketBuilder& Vlan(uint16_t id, const VlanFields& fields = {});
  PacketBuilder& Ipv4(const Ipv4Fields& fields = {});
  PacketBuilder& Ipv6(const Ipv6Fields& fields = {});
  // IPv6 extension headers of `length` bytes, a multiple of 8.
  PacketBuilder& Ipv6HopByHop(size_t length = 8);
  PacketBuilder& Ipv6Routing(size_t length = 8);
  PacketBuilder& Ipv6DestinationOptions(size_t length = 8);
  PacketBuilder& Ipv6Fragment(const Ipv6FragmentFields& fields = {});
  // Checksums cover the bytes of this frame, also where it says that it is a first fragment.
  PacketBuilder& Udp(const UdpFields& fields = {});
  PacketBuilder& Tcp(const TcpFields& fields = {});
  PacketBuilder& Icmp(const IcmpFields& fields = {});
  PacketBuilder& Icmp6(const IcmpFields& fields = {.type = 128});
  PacketBuilder& Arp(const ArpFields& fields = {});
  PacketBuilder& Payload(std::string_view bytes);
  // `length` bytes 0, 1, 2 ...
  PacketBuilder& Payload(size_t length);
  // Payload up to a frame of `length` bytes in all (without the frame check sequence).
  PacketBuilder& FillTo(size_t length);
  // Cuts the finished frame: its headers still tell of the whole one.
  PacketBuilder& Truncate(size_t length);

  Frame Build() const;

 private:
  enum class Kind { kEthernet, kVlan, kIpv4, kIpv6, kIpv6Extension, kUdp, kTcp, kIcmp, kIcmp6, kArp, kPayload };
  struct Layer {
    Kind kind;
    uint16_t number;  // by which the header before names this one: EtherType or IP protocol
    bool names_next;  // its field for the next header is filled in by Build()
    bool checksum;
    Frame bytes;
  };

  PacketBuilder& Add(Kind kind, uint16_t number, bool names_next, Frame bytes, bool checksum = true);
  PacketBuilder& AddExtension(uint8_t number, size_t length);
  size_t Length() const;
  static void NameNext(Layer& layer, const Layer* next);

  std::vector<Layer> layers_;
  std::optional<size_t> truncate_;
};

// The Internet checksum (RFC 1071) of `length` bytes, added to `sum`, which starts at 0.
uint16_t InternetChecksum(const std::byte* bytes, size_t length, uint32_t sum = 0);

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_PACKET_BUILDER_H_
