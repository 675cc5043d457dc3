// SPDX-License-Identifier: Apache-2.0
// PacketTemplate: the UDP packet that the generators send copies of.
#ifndef TOOLS_TESTPMD_ENGINES_PACKET_TEMPLATE_H_
#define TOOLS_TESTPMD_ENGINES_PACKET_TEMPLATE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "tools/testpmd/engines/burst.h"
#include "tools/testpmd/engines/packet_headers.h"
#include "tools/testpmd/engines/stream.h"

namespace pollux::testpmd {

// Ethernet, IPv4 and UDP headers.
inline constexpr std::size_t kMinimumGeneratedBytes = kEthernetBytes + kIpv4Bytes + kUdpBytes;
static_assert(kMinimumGeneratedBytes == 42);

struct UdpFlow {
  uint32_t ip_source = 0;  // host byte order
  uint32_t ip_destination = 0;
  uint16_t udp_source = 0;
  uint16_t udp_destination = 0;
};

class PacketTemplate {
 public:
  // `length` in kMinimumGeneratedBytes .. 65535 + kEthernetBytes. The payload is zeros, the UDP checksum 0 (none), the time to live 64.
  PacketTemplate(const Stream& stream, const UdpFlow& flow, std::size_t length);

  // Takes up to stream.burst frames from the stream's pool to the front of `buffer`, and makes each a copy of the template. Counts
  // `generated` and `allocation_failed`. The payload is copied too: a frame shows nothing of the packet it held before. A
  // template longer than a frame takes several for each packet, and makes fewer packets where the buffer does not hold as many frames.
  std::span<Packet> Generate(Stream& stream, BurstBuffer& buffer) const;

  // Gives a generated packet another address, and its IPv4 header the checksum that belongs to it.
  void SetIpSource(Packet& packet, uint32_t address) const { SetAddress(packet, kSourceOffset, address, sum_without_source_); }
  void SetIpDestination(Packet& packet, uint32_t address) const {
    SetAddress(packet, kSourceOffset + 4, address, sum_without_destination_);
  }

 private:
  std::span<Packet> GenerateScattered(Stream& stream, BurstBuffer& buffer) const;

  static constexpr std::size_t kSourceOffset = kEthernetBytes + 12;

  static void SetAddress(Packet& packet, std::size_t offset, uint32_t address, uint64_t sum_of_the_rest);

  std::vector<std::byte> bytes_;
  uint64_t sum_without_source_ = 0;  // of the IPv4 header, less checksum and address
  uint64_t sum_without_destination_ = 0;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_PACKET_TEMPLATE_H_
