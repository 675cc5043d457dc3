// SPDX-License-Identifier: Apache-2.0
// The data path of pollux.h: one call, two virtual calls (the tap's, the driver's), no copy. A handle is the tapped queue itself.
#include "pmd/queue.h"

#include "pmd/c/packet_cast.h"
#include "pmd/c/pollux.h"
#include "pmd/c/sized.h"
#include "pmd/rx_metadata.h"

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
