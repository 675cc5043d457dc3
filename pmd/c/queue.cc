// SPDX-License-Identifier: Apache-2.0
// The data path of pollux.h: one call, two virtual calls (the tap's, the driver's), no copy. A handle is the tapped queue itself.
#include "pmd/queue.h"

#include "pmd/c/packet_cast.h"
#include "pmd/c/pollux.h"

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
