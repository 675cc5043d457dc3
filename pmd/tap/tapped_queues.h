// SPDX-License-Identifier: Apache-2.0
// Queues whose packets can be copied to a tap while they pass. Without one, a burst costs one call and one branch more.
#ifndef PMD_TAP_TAPPED_QUEUES_H_
#define PMD_TAP_TAPPED_QUEUES_H_

#include <atomic>

#include "lcore/cache_line.h"
#include "pmd/queue.h"
#include "pmd/tap/tap.h"

namespace pollux::pmd {

// Where the control thread hangs a ring in and takes it away, while the queue's thread may be at it. Neither waits for the other.
//
//     queue's thread                      control thread
//     inside = true                       ring = null
//     is ring still there? use it         inside? not yet, ask again later
//     inside = false                      else nobody uses it, nor will
//
// Sequentially consistent, both sides: at least one of the two sees what the other has written.
class TapPoint {
 public:
  // Data path. False: there is none.
  bool IsUsed() const { return ring_.load(std::memory_order_relaxed) != nullptr; }
  // Null, or what may be used until Leave.
  TapRing* Enter() {
    inside_.store(true, std::memory_order_seq_cst);
    TapRing* const ring = ring_.load(std::memory_order_seq_cst);
    if (ring == nullptr) Leave();
    return ring;
  }
  void Leave() { inside_.store(false, std::memory_order_release); }

  // Control path.
  void Set(TapRing* ring) { ring_.store(ring, std::memory_order_seq_cst); }
  // After Set(nullptr): nobody uses that ring any more. A ring may be set again after that only.
  bool IsLeft() const { return !inside_.load(std::memory_order_seq_cst); }

 private:
  std::atomic<TapRing*> ring_{nullptr};
  std::atomic<bool> inside_{false};
};

class alignas(lcore::kCacheLineBytes) TappedRxQueue final : public RxQueue {
 public:
  explicit TappedRxQueue(RxQueue& queue) : queue_(queue) {}

  std::size_t Receive(std::span<Packet> packets) override {
    if (point.IsUsed()) [[unlikely]]
      return ReceiveAndCopy(packets);
    return queue_.Receive(packets);
  }
  int PrepareToWait() override { return queue_.PrepareToWait(); }
  uint64_t FirstArrivalNs() override { return queue_.FirstArrivalNs(); }

  TapPoint point;

 private:
  [[gnu::noinline]] std::size_t ReceiveAndCopy(std::span<Packet> packets) {
    const std::size_t count = queue_.Receive(packets);
    TapRing* const ring = count > 0 ? point.Enter() : nullptr;
    if (ring == nullptr) return count;
    for (std::span<const Packet> rest = packets.first(count); !rest.empty();) {
      const auto part = mempool::WholePackets(rest, mempool::kMaximumBurst);
      ring->Write(part, /*received=*/true);
      ring->Publish(part.size());
      rest = rest.subspan(part.size());
    }
    point.Leave();
    return count;
  }

  RxQueue& queue_;
};

class alignas(lcore::kCacheLineBytes) TappedTxQueue final : public TxQueue {
 public:
  explicit TappedTxQueue(TxQueue& queue) : queue_(queue) {}

  std::size_t Send(std::span<const Packet> packets) override {
    if (point.IsUsed()) [[unlikely]]
      return Copy(packets, &TxQueue::Send);
    return queue_.Send(packets);
  }
  std::size_t SendMore(std::span<const Packet> packets) override {
    if (point.IsUsed()) [[unlikely]]
      return Copy(packets, &TxQueue::SendMore);
    return queue_.SendMore(packets);
  }
  bool Poll() override { return queue_.Poll(); }
  std::size_t TakeTimestamps(std::span<TxTimestamp> stamps) override { return queue_.TakeTimestamps(stamps); }

  TapPoint point;

 private:
  // Before they are sent, as they are somebody else's afterwards; shown is what was taken. Of more than a tap can keep apart the first are
  // sent: the rest stays the caller's, as of any full queue.
  [[gnu::noinline]] std::size_t Copy(std::span<const Packet> packets, std::size_t (TxQueue::*send)(std::span<const Packet>)) {
    TapRing* const ring = packets.empty() ? nullptr : point.Enter();
    if (ring == nullptr) return (queue_.*send)(packets);
    packets = mempool::WholePackets(packets, mempool::kMaximumBurst);
    ring->Write(packets);
    const std::size_t count = (queue_.*send)(packets);
    ring->Publish(count);
    point.Leave();
    return count;
  }

  TxQueue& queue_;
};

}  // namespace pollux::pmd

#endif  // PMD_TAP_TAPPED_QUEUES_H_
