// SPDX-License-Identifier: Apache-2.0
// RxMetadata: what the device told about a received packet beside its bytes.
//
// A port has it where it was asked for (DeviceConfig::rx_metadata, or net_af_xdp's rx_metadata=) and where kernel and driver can tell
// (Device::rx_metadata). It lies in the frame, in front of the packet, and is there as long as nothing was put in front of the packet:
// to be read before a header is pushed. docs/packets.md.
#ifndef PMD_RX_METADATA_H_
#define PMD_RX_METADATA_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "bpf/rx_metadata_shared.h"
#include "mempool/packet.h"

namespace pollux::pmd {

struct RxMetadata {
  // Kinds, as bits.
  static constexpr uint32_t kTimestamp = RX_METADATA_TIMESTAMP;
  static constexpr uint32_t kHash = RX_METADATA_HASH;
  static constexpr uint32_t kVlanTag = RX_METADATA_VLAN_TAG;
  static constexpr uint32_t kAll = kTimestamp | kHash | kVlanTag;

  uint32_t valid = 0;          // the kinds that the device told of this packet; the members of the others mean nothing
  uint64_t timestamp_ns = 0;   // when it arrived, by the device's clock: since 1970 if somebody sets that (ptp4l, phc2sys)
  uint32_t hash = 0;           // the same for all packets of a flow (RSS)
  uint32_t hash_type = 0;      // what went into it, as bits: kHashOf...; 0: unknown
  uint16_t vlan_protocol = 0;  // 0x8100 or 0x88a8, of the tag that the device kept beside the packet; rx_vlan=auto puts it into it as well
  uint16_t vlan_control = 0;   // priority (3 bits), DEI, number (12 bits)

  // The kernel's enum xdp_rss_hash_type.
  static constexpr uint32_t kHashOfIpv4 = 1 << 0;
  static constexpr uint32_t kHashOfIpv6 = 1 << 1;
  static constexpr uint32_t kHashOfPorts = 1 << 3;
  static constexpr uint32_t kHashOfTcp = 1 << 4;
  static constexpr uint32_t kHashOfUdp = 1 << 5;
  static constexpr uint32_t kHashOfSctp = 1 << 6;

  bool has(uint32_t kind) const { return (valid & kind) != 0; }
};

// Of a packet's first element (mempool/packet.h), whatever driver it came by. Empty: there is none, or something was put over it.
// Data path.
inline std::optional<RxMetadata> ReadRxMetadata(const mempool::Packet& packet) {
  if ((packet.flags & mempool::Packet::kRxMetadata) == 0) return std::nullopt;
  rx_metadata found;
  std::memcpy(&found, packet.data - sizeof(found), sizeof(found));
  if (found.mark != RX_METADATA_RECEIVED) return std::nullopt;
  return RxMetadata{.valid = found.valid,
                    .timestamp_ns = found.timestamp_ns,
                    .hash = found.hash,
                    .hash_type = found.hash_type,
                    .vlan_protocol = found.vlan_protocol,
                    .vlan_control = found.vlan_control};
}

// When a packet arrived by the device's clock, and `otherwise` where the device did not say.
inline uint64_t ArrivalNs(const mempool::Packet& packet, uint64_t otherwise) {
  if ((packet.flags & mempool::Packet::kRxMetadata) == 0) [[likely]]
    return otherwise;
  const std::optional<RxMetadata> metadata = ReadRxMetadata(packet);
  return metadata && metadata->has(RxMetadata::kTimestamp) ? metadata->timestamp_ns : otherwise;
}

// "timestamp", "[hash,vlan]" to kinds. INVALID_ARGUMENT names the word and those that are allowed.
absl::StatusOr<uint32_t> ParseRxMetadataKinds(absl::string_view text);
// "timestamp, hash"; "none".
std::string DescribeRxMetadataKinds(uint32_t kinds);
// "timestamp=1700000000.123456789 hash=0x1234abcd (IPv4 ports) vlan=0x8100/42/5" (number, priority): what is valid, or "".
std::string DescribeRxMetadata(const RxMetadata& metadata);

}  // namespace pollux::pmd

#endif  // PMD_RX_METADATA_H_
