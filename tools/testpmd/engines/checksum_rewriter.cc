// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/checksum_rewriter.h"

#include <cstring>

#include "pmd/internet_checksum.h"
#include "pmd/tx_metadata.h"
#include "tools/testpmd/engines/checksum.h"
#include "tools/testpmd/engines/mac_rewriters.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kIpv4ChecksumOffset = 10;
constexpr std::size_t kIcmpBytes = 8;

// Where a protocol keeps its checksum, and what it sums.
struct TransportChecksum {
  std::size_t offset;
  std::size_t minimum_length;
  bool pseudo_header;
};

bool FindTransportChecksum(const PacketHeaders& headers, TransportChecksum& checksum) {
  const bool ipv4 = headers.network == NetworkLayer::kIpv4;
  switch (headers.protocol) {
    case kProtocolUdp:
      checksum = {6, kUdpBytes, true};
      return true;
    case kProtocolTcp:
      checksum = {16, kTcpBytes, true};
      return true;
    case kProtocolIcmp:
      checksum = {2, kIcmpBytes, false};
      return ipv4;
    case kProtocolIcmpv6:
      checksum = {2, 4, true};
      return !ipv4;
    default:
      return false;
  }
}

// `sum` includes the field. Returns true if it was right, else stores what is.
bool VerifyOrRepair(uint64_t sum, std::byte* field, bool zero_means_none) {
  if (FoldChecksum(sum) == 0) return true;
  uint16_t checksum = CorrectChecksum(sum, field);
  if (checksum == 0 && zero_means_none) checksum = 0xFFFF;
  std::memcpy(field, &checksum, sizeof(checksum));
  return false;
}

// True: whoever sends the packet finishes its checksum. A device sums to the packet's end, so nothing may be behind the transport.
bool LeaveToDevice(Packet& packet, const PacketHeaders& headers, const TransportChecksum& checksum, std::size_t length) {
  if (headers.transport_offset + length != packet.length) return false;
  if (!pmd::AskDevice(mempool::Pool::FromId(packet.pool), packet,
                      {.asks = pmd::TxMetadata::kChecksum,
                       .checksum_start = static_cast<uint16_t>(headers.transport_offset),
                       .checksum_offset = static_cast<uint16_t>(checksum.offset)}))
    return false;
  const uint16_t sum =
      pmd::FoldSum(PseudoHeaderSum(headers.network, packet.data + headers.network_offset, headers.protocol, static_cast<uint32_t>(length)));
  std::memcpy(packet.data + headers.transport_offset + checksum.offset, &sum, sizeof(sum));
  return true;
}

// Returns false if the checksum was wrong, as far as it is looked at.
bool RepairTransport(Packet& frame, const PacketHeaders& headers, const ChecksumSet& device_checksums) {
  const std::span<std::byte> packet = frame.bytes();
  TransportChecksum checksum;
  if (!headers.transport_complete || !FindTransportChecksum(headers, checksum)) return true;
  if (headers.transport_length < checksum.minimum_length) return true;

  std::byte* transport = packet.data() + headers.transport_offset;
  std::byte* field = transport + checksum.offset;
  std::size_t length = headers.transport_length;
  const bool udp = headers.protocol == kProtocolUdp;
  if (udp) {
    const bool none = field[0] == std::byte{0} && field[1] == std::byte{0};
    if (none && headers.network == NetworkLayer::kIpv4) return true;
    length = LoadBig16(transport + 4);
    if (length < kUdpBytes || length > headers.transport_length) return false;
  }
  const bool left = udp ? device_checksums.udp : headers.protocol == kProtocolTcp && device_checksums.tcp;
  if (left && LeaveToDevice(frame, headers, checksum, length)) return true;
  uint64_t sum = PartialSum({transport, length});
  if (checksum.pseudo_header) {
    sum += PseudoHeaderSum(headers.network, packet.data() + headers.network_offset, headers.protocol, static_cast<uint32_t>(length));
  }
  // Over IPv6 a UDP checksum of zero is wrong, even where the sum would allow it.
  if (udp && field[0] == std::byte{0} && field[1] == std::byte{0}) {
    uint16_t right = FoldChecksum(sum);
    if (right == 0) right = 0xFFFF;
    std::memcpy(field, &right, sizeof(right));
    return false;
  }
  return VerifyOrRepair(sum, field, udp);
}

void Repair(Packet& packet, Stream& stream) {
  const PacketHeaders headers = ParseHeaders(packet.bytes());
  if (headers.network == NetworkLayer::kNone) return;
  if (headers.network == NetworkLayer::kIpv4) {
    std::byte* network = packet.data + headers.network_offset;
    const std::size_t header_length = std::size_t{4} * (static_cast<uint8_t>(network[0]) & 0x0F);
    if (!VerifyOrRepair(PartialSum({network, header_length}), network + kIpv4ChecksumOffset, false)) stream.stats.rx_bad_ip_checksum.Add(1);
  }
  if (!RepairTransport(packet, headers, stream.device_checksums)) stream.stats.rx_bad_l4_checksum.Add(1);
}

}  // namespace

std::span<Packet> ChecksumRewriter::Rewrite(Stream& stream, std::span<Packet> packets) {
  return EditEach(stream, packets, [&stream](Packet& packet) {
    StoreTxAddresses(stream, packet.data);
    Repair(packet, stream);
  });
}

}  // namespace pollux::testpmd
