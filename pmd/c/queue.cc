// SPDX-License-Identifier: Apache-2.0
// The data path of pollux.h: one call, two virtual calls (the tap's, the driver's), no copy. A handle is the tapped queue itself.
#include "pmd/queue.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "mempool/pool.h"
#include "pmd/c/packet_cast.h"
#include "pmd/c/pollux.h"
#include "pmd/c/sized.h"
#include "pmd/rx_metadata.h"
#include "pmd/tx_metadata.h"

int pollux_packet_get_rx_metadata(const pollux_packet* packet, pollux_rx_metadata* metadata) noexcept {
  using pollux::pmd::RxMetadata;
  static_assert(POLLUX_RX_TIMESTAMP == RxMetadata::kTimestamp && POLLUX_RX_HASH == RxMetadata::kHash &&
                POLLUX_RX_VLAN_TAG == RxMetadata::kVlanTag);
  if (packet == nullptr || metadata == nullptr || metadata->size <= sizeof(metadata->size)) [[unlikely]]
    return 0;
  const auto found = pollux::pmd::ReadRxMetadata(pollux::pmd::c::PacketsOf(packet, 1).front());
  if (!found) return 0;
  pollux::pmd::c::WriteSized({.size = sizeof(pollux_rx_metadata),
                              .valid = found->valid,
                              .timestamp_ns = found->timestamp_ns,
                              .hash = found->hash,
                              .hash_type = found->hash_type,
                              .vlan_protocol = found->vlan_protocol,
                              .vlan_control = found->vlan_control,
                              .reserved = 0},
                             *metadata);
  return 1;
}

int pollux_packet_set_tx_metadata(pollux_packet* packet, const pollux_tx_metadata* metadata) noexcept {
  using pollux::pmd::TxMetadata;
  constexpr uint32_t kAll = POLLUX_TX_TIMESTAMP | POLLUX_TX_CHECKSUM | POLLUX_TX_LAUNCH_TIME;
  static_assert(POLLUX_TX_TIMESTAMP == TxMetadata::kTimestamp && POLLUX_TX_CHECKSUM == TxMetadata::kChecksum &&
                POLLUX_TX_LAUNCH_TIME == TxMetadata::kLaunchTime);
  if (packet == nullptr || metadata == nullptr) [[unlikely]]
    return 0;
  pollux_tx_metadata known = POLLUX_TX_METADATA;
  if (!pollux::pmd::c::ReadSizedQuickly(metadata, known) || (known.asks & ~kAll) != 0 || known.reserved != 0) [[unlikely]]
    return 0;
  pollux::mempool::Packet& marked = pollux::pmd::c::PacketsOf(packet, 1).front();
  return pollux::pmd::AskDevice(pollux::mempool::Pool::FromId(marked.pool), marked,
                                {.asks = known.asks,
                                 .checksum_start = known.checksum_start,
                                 .checksum_offset = known.checksum_offset,
                                 .launch_time = known.launch_time,
                                 .cookie = known.cookie})
             ? 1
             : 0;
}

size_t pollux_receive(pollux_rx_queue* queue, pollux_packet* packets, size_t count) noexcept {
  if (queue == nullptr || packets == nullptr) [[unlikely]]
    return 0;
  return reinterpret_cast<pollux::pmd::RxQueue*>(queue)->Receive(pollux::pmd::c::PacketsOf(packets, count));
}

size_t pollux_send(pollux_tx_queue* queue, const pollux_packet* packets, size_t count) noexcept {
  if (queue == nullptr || (packets == nullptr && count > 0)) [[unlikely]]
    return 0;
  return reinterpret_cast<pollux::pmd::TxQueue*>(queue)->Send(pollux::pmd::c::PacketsOf(packets, count));
}

size_t pollux_send_more(pollux_tx_queue* queue, const pollux_packet* packets, size_t count) noexcept {
  if (queue == nullptr || (packets == nullptr && count > 0)) [[unlikely]]
    return 0;
  return reinterpret_cast<pollux::pmd::TxQueue*>(queue)->SendMore(pollux::pmd::c::PacketsOf(packets, count));
}

int pollux_flush(pollux_tx_queue* queue) noexcept {
  if (queue == nullptr) [[unlikely]]
    return 0;
  auto* const tx = reinterpret_cast<pollux::pmd::TxQueue*>(queue);
  tx->Send({});
  return tx->Poll() ? 1 : 0;
}

int pollux_tx_poll(pollux_tx_queue* queue) noexcept {
  if (queue == nullptr) [[unlikely]]
    return 0;
  return reinterpret_cast<pollux::pmd::TxQueue*>(queue)->Poll() ? 1 : 0;
}

size_t pollux_tx_take_timestamps(pollux_tx_queue* queue, pollux_tx_timestamp* timestamps, size_t capacity) noexcept {
  if (queue == nullptr || timestamps == nullptr) [[unlikely]]
    return 0;
  std::array<pollux::pmd::TxTimestamp, 64> some;
  std::size_t done = 0;
  while (done < capacity) {
    const std::size_t wanted = std::min(some.size(), capacity - done);
    const std::size_t got = reinterpret_cast<pollux::pmd::TxQueue*>(queue)->TakeTimestamps({some.data(), wanted});
    for (std::size_t index = 0; index < got; ++index)
      timestamps[done + index] = {.cookie = some[index].cookie, .time_ns = some[index].time};
    done += got;
    if (got < wanted) break;
  }
  return done;
}
