// SPDX-License-Identifier: Apache-2.0
// What a packet asks of the device that sends it: to finish its checksum, to tell when it went out, to send it at a certain time.
//
//     frame  | ... headroom ... | TxMetadata, 32 bytes | packet ...
//                                                      ^ Packet::data, and Packet::kTxMetadata in its flags
//
// The first 24 bytes are struct xsk_tx_metadata of linux/if_xdp.h, as the kernel reads it; the cookie behind it is ours.
//
// Who owns these bytes: they are headroom, so they belong to whoever holds the packet. AskDevice writes them and sets the flag; that comes
// last, since the metadata stays where it is when `data` moves, and so do its offsets: whoever adds or takes away headers afterwards asks
// anew, or clears the flag. From Send on they are the driver's, and the kernel writes the time stamp over them.
//
// Which ports take such packets: those whose Device::tx_offloads() are not all false (net_af_xdp with tx_metadata=). Packets are not asked
// what they do not ask: a burst may mix both kinds. A port of net_af_xdp sends every packet that asks, whatever it has: a checksum that
// neither kernel nor device will finish is finished by the driver, and counted; a time that cannot be had is left out, and counted
// (docs/packets.md). Other drivers do not look at the flag.
//
// Source: Documentation/networking/xsk-tx-metadata.rst.
#ifndef PMD_TX_METADATA_H_
#define PMD_TX_METADATA_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "mempool/packet.h"
#include "mempool/pool.h"

namespace pollux::pmd {

struct TxMetadata {
  // Bits of `asks`.
  static constexpr uint64_t kTimestamp = 1;   // when it went out: TxQueue::TakeTimestamps
  static constexpr uint64_t kChecksum = 2;    // finish it
  static constexpr uint64_t kLaunchTime = 4;  // not before launch_time

  uint64_t asks = 0;
  // The ones' complement sum of the packet from byte checksum_start to its end is stored checksum_offset bytes behind the start. The field
  // holds the folded sum of the pseudo header before, as a network stack leaves it. From 14 on; the field lies in the packet's first frame.
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
  uint32_t unused = 0;
  uint64_t launch_time = 0;  // ns, of the device's clock
  uint64_t cookie = 0;       // comes back with the time stamp
};
inline constexpr std::size_t kTxMetadataBytes = sizeof(TxMetadata);
static_assert(kTxMetadataBytes == 32 && offsetof(TxMetadata, checksum_start) == 8 && offsetof(TxMetadata, launch_time) == 16);

// What a port does for packets that ask (Device::tx_offloads), as of its last start.
struct TxOffloads {
  bool checksum = false;
  bool timestamp = false;
  bool launch_time = false;

  bool any() const { return checksum || timestamp || launch_time; }
};

// A packet went out. In zero-copy mode: the time, in ns of the device's clock. In copy mode the kernel's CLOCK_TAI, when it was done with
// the packet.
struct TxTimestamp {
  uint64_t cookie = 0;
  uint64_t time = 0;
};

// Writes `metadata` in front of the packet, which is one of `pool`, and marks it; what a device told of it (rx_metadata.h) lay there too.
// Of a packet of several frames: the first. False, and nothing is done: there is too little headroom.
inline bool AskDevice(const mempool::Pool& pool, mempool::Packet& packet, const TxMetadata& metadata) {
  if (pool.Headroom(packet) < kTxMetadataBytes) return false;
  std::memcpy(packet.data - kTxMetadataBytes, &metadata, sizeof(metadata));
  packet.flags = static_cast<uint16_t>((packet.flags & ~mempool::Packet::kRxMetadata) | mempool::Packet::kTxMetadata);
  return true;
}

// What stands in front of a packet that is marked and has the headroom.
inline TxMetadata MetadataBefore(const std::byte* packet) {
  TxMetadata metadata;
  std::memcpy(&metadata, packet - kTxMetadataBytes, sizeof(metadata));
  return metadata;
}

// Does in software what kChecksum asks: for ports that do not. `frames` are those of one packet. False, and nothing is done: start and
// offset are not possible.
bool FinishChecksum(std::span<const mempool::Packet> frames, std::size_t start, std::size_t offset);

}  // namespace pollux::pmd

#endif  // PMD_TX_METADATA_H_
