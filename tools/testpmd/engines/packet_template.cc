// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/packet_template.h"

#include <algorithm>

#include "tools/testpmd/engines/checksum.h"
#include "tools/testpmd/engines/mac_rewriters.h"

namespace pollux::testpmd {
namespace {

constexpr uint8_t kTimeToLive = 64;
constexpr uint8_t kVersion4And5Words = 0x45;
constexpr std::size_t kIpv4ChecksumOffset = 10;

// The sum of an IPv4 header without options, as if `skipped` 4 bytes from `offset` on and the checksum were zero.
uint64_t SumWithout(const std::byte* network, std::size_t offset) {
  std::byte header[kIpv4Bytes];
  std::memcpy(header, network, kIpv4Bytes);
  std::memset(header + kIpv4ChecksumOffset, 0, 2);
  std::memset(header + offset, 0, 4);
  return PartialSum(header);
}

}  // namespace

PacketTemplate::PacketTemplate(const Stream& stream, const UdpFlow& flow, std::size_t length) : bytes_(length) {
  std::byte* ethernet = bytes_.data();
  StoreTxAddresses(stream, ethernet);
  StoreBig16(ethernet + 2 * kMacBytes, kEtherTypeIpv4);

  std::byte* network = ethernet + kEthernetBytes;
  network[0] = std::byte{kVersion4And5Words};
  StoreBig16(network + 2, static_cast<uint16_t>(length - kEthernetBytes));
  network[8] = std::byte{kTimeToLive};
  network[9] = std::byte{kProtocolUdp};
  StoreBig32(network + 12, flow.ip_source);
  StoreBig32(network + 16, flow.ip_destination);
  StoreIpv4Checksum(network, kIpv4Bytes);

  std::byte* transport = network + kIpv4Bytes;
  StoreBig16(transport, flow.udp_source);
  StoreBig16(transport + 2, flow.udp_destination);
  StoreBig16(transport + 4, static_cast<uint16_t>(length - kEthernetBytes - kIpv4Bytes));

  sum_without_source_ = SumWithout(network, 12);
  sum_without_destination_ = SumWithout(network, 16);
}

std::span<Packet> PacketTemplate::Generate(Stream& stream, BurstBuffer& buffer) const {
  if (bytes_.size() > stream.pool->maximum_length()) return GenerateScattered(stream, buffer);
  const std::size_t count = stream.pool->Allocate({buffer.data(), stream.burst});
  if (count < stream.burst) stream.stats.allocation_failed.Add(stream.burst - count);
  const std::span<Packet> packets(buffer.data(), count);
  for (Packet& packet : packets) {
    std::memcpy(packet.data, bytes_.data(), bytes_.size());
    packet.length = static_cast<uint32_t>(bytes_.size());
  }
  if (count != 0) stream.stats.generated.Add(count);
  return packets;
}

std::span<Packet> PacketTemplate::GenerateScattered(Stream& stream, BurstBuffer& buffer) const {
  const std::size_t room = stream.pool->maximum_length();
  const std::size_t frames = (bytes_.size() + room - 1) / room;
  const std::size_t wanted = std::min(stream.burst, buffer.size() / frames);
  const std::size_t got = stream.pool->Allocate({buffer.data(), wanted * frames});
  const std::size_t count = got / frames;
  const std::span<Packet> packets(buffer.data(), count * frames);
  mempool::Pool::Free({buffer.data() + packets.size(), got - packets.size()});
  if (count < wanted) stream.stats.allocation_failed.Add(wanted - count);
  std::size_t offset = 0;
  for (Packet& frame : packets) {
    const std::size_t length = std::min(room, bytes_.size() - offset);
    std::memcpy(frame.data, bytes_.data() + offset, length);
    frame.length = static_cast<uint32_t>(length);
    offset += length;
    if (offset < bytes_.size()) {
      frame.flags = Packet::kContinues;
    } else {
      offset = 0;
    }
  }
  if (count != 0) stream.stats.generated.Add(count);
  return packets;
}

void PacketTemplate::SetAddress(Packet& packet, std::size_t offset, uint32_t address, uint64_t sum_of_the_rest) {
  std::byte* field = packet.data + offset;
  StoreBig32(field, address);
  const uint16_t checksum = FoldChecksum(sum_of_the_rest + PartialSum({field, 4}));
  std::memcpy(packet.data + kEthernetBytes + kIpv4ChecksumOffset, &checksum, sizeof(checksum));
}

}  // namespace pollux::testpmd
