// SPDX-License-Identifier: Apache-2.0
// XskTxQueue: the tx queue that has an XskTxRing for itself.
#ifndef PMD_AF_XDP_XSK_TX_QUEUE_H_
#define PMD_AF_XDP_XSK_TX_QUEUE_H_

#include <cstddef>
#include <span>

#include "lcore/cache_line.h"
#include "pmd/af_xdp/xsk_tx_ring.h"
#include "pmd/queue.h"

namespace pollux::pmd::af_xdp {

// Contract and thread rule: pmd/queue.h. The ring must outlive it.
class alignas(lcore::kCacheLineBytes) XskTxQueue final : public TxQueue {
 public:
  explicit XskTxQueue(XskTxRing& ring) : ring_(ring), owner_(ring.AddOwner()) {}

  std::size_t Send(std::span<const Packet> packets) override;
  std::size_t SendMore(std::span<const Packet> packets) override;
  bool Poll() override;
  std::size_t TakeTimestamps(std::span<TxTimestamp> stamps) override;

  const TxCounters& counters() const { return owner_.counters; }

 private:
  std::size_t SendSome(std::span<const Packet> packets);
  std::size_t FinishEarlierOnes();
  std::size_t Take(std::span<const Packet> packets);
  void Push(XskTxRing::Push push);
  void Kick();
  void Reclaim();
  void TakeCompleted();

  XskTxRing& ring_;
  XskTxRing::Owner& owner_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_TX_QUEUE_H_
