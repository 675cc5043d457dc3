// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/tx_requests.h"

#include <net/ethernet.h>

#include <cstring>

#include "pmd/af_xdp/checksum_completion.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint64_t kTimes = TxMetadata::kTimestamp | TxMetadata::kLaunchTime;

void Write(std::byte* packet, const TxMetadata& metadata) {
  std::memcpy(packet - kTxMetadataBytes, &metadata, sizeof(metadata));
}

// Where it is not known what was asked: a checksum that nobody finished tells by itself.
void FinishWhatIsUnfinished(std::span<const Packet> frames) {
  if (frames.size() == 1) CompleteChecksum(frames.front().bytes());
}

bool IsPossible(const TxMetadata& metadata, std::size_t length) {
  const std::size_t start = metadata.checksum_start;
  return start >= ETH_HLEN && start + metadata.checksum_offset + sizeof(uint16_t) <= length;
}

}  // namespace

void CopyRequest(const Packet& packet, std::size_t headroom, Packet& copy) {
  if (!packet.has_tx_metadata()) return;
  Write(copy.data, headroom < kTxMetadataBytes ? TxMetadata{.asks = kAskedUnreadably} : MetadataBefore(packet.data));
  copy.flags |= Packet::kTxMetadata;
}

uint64_t SettleRequest(const TxGrant& grant, std::span<const Packet> frames, std::size_t headroom, TxRequestCounters& counters) {
  const Packet& first = frames.front();
  TxMetadata metadata{.asks = kAskedUnreadably};
  if (headroom >= kTxMetadataBytes) metadata = MetadataBefore(first.data);
  if ((metadata.asks & kAskedUnreadably) != 0) {
    counters.no_room.Add(1);
    FinishWhatIsUnfinished(frames);
    return 0;
  }
  uint64_t handed_on = metadata.asks & grant.asks;
  if ((metadata.asks & TxMetadata::kChecksum) != 0) {
    if (!IsPossible(metadata, first.length)) {
      counters.out_of_range.Add(1);
      FinishWhatIsUnfinished(frames);
      handed_on &= ~TxMetadata::kChecksum;
    } else if ((grant.asks & TxMetadata::kChecksum) == 0 || (frames.size() > 1 && !grant.checksums_several)) {
      FinishChecksum(frames, metadata.checksum_start, metadata.checksum_offset);
      counters.checksums_finished.Add(1);
      handed_on &= ~TxMetadata::kChecksum;
    }
  }
  if ((metadata.asks & ~TxMetadata::kChecksum & ~(grant.asks & kTimes)) != 0) counters.unavailable.Add(1);
  if (handed_on == 0) return 0;
  metadata.asks = handed_on;
  Write(first.data, metadata);
  counters.handed_on.Add(1);
  return handed_on;
}

}  // namespace pollux::pmd::af_xdp
