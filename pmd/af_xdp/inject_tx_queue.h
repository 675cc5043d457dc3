// SPDX-License-Identifier: Apache-2.0
// InjectTxQueue: the transmit engine "inject" beside the engine "ring". Protocol: docs/inject.md.
#ifndef PMD_AF_XDP_INJECT_TX_QUEUE_H_
#define PMD_AF_XDP_INJECT_TX_QUEUE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "bpf/inject_shared.h"
#include "bpf/injection.h"
#include "lcore/cache_line.h"
#include "lcore/counter.h"
#include "mempool/frame_audit.h"
#include "mempool/pool.h"
#include "pmd/af_xdp/push_timer.h"
#include "pmd/af_xdp/transmit_cost.h"
#include "pmd/af_xdp/xsk_tx_ring.h"
#include "pmd/queue.h"

namespace pollux::pmd::af_xdp {

// The ring engine of one logical tx queue.
struct RingEnd {
  TxQueue* queue;
  const XskTxRing* socket;
  const XskTxRing::Owner* owner;  // what the queue is there
  std::size_t pair = 0;           // number of the socket
};

// staged = injected + dropped_no_room + dropped_untold + dropped_at_stop + to_ring + what is staged now. What went to the ring is
// counted there.
struct InjectCounters {
  lcore::Counter staged;           // packets taken that did not go to the ring at once
  lcore::Counter injected;         // taken by the device
  lcore::Counter bytes;            // of these
  lcore::Counter dropped_no_room;  // not taken by the device: its ring, or the receiver's, was full
  lcore::Counter dropped_untold;   // emitted, and the kernel did not tell what became of it
  lcore::Counter dropped_at_stop;  // staged when the queue was closed, and the ring did not take them
  lcore::Counter to_ring;          // staged, and then sent through the ring, for one of the reasons below or because it was cheaper
  lcore::Counter calls;            // system calls that injected
  lcore::Counter cut_short;        // calls that a signal or a lack of memory ended early
  lcore::Counter refused;          // packets that the kernel refused before the device saw them; the ring sends them
  lcore::Counter not_resident;     // of these, packets whose memory was not present
  lcore::Counter fallbacks;        // times the device stopped taking XDP frames
  lcore::Counter recoveries;       // times it took them again
  lcore::Counter kept_in_order;    // bursts sent through the ring since it still held earlier packets
  lcore::Counter not_injectable;   // bursts with a packet that only the ring can send, or drop
  lcore::Counter scattered;        // bursts sent through the ring since a packet in them had several frames
  lcore::Counter asking;           // bursts sent through the ring since a packet in them asks something of the device
  lcore::Counter held_back;        // bursts sent through the ring since calls of their depth have left enough page pools behind
  lcore::Counter pools_left;       // calls whose page pool outlived them, since a receiver holds a frame
};

// Packets are staged; a flush hands them all to one engine, by the rule of PushTimer. Enough is a full block, or as much as the ring waits
// for while that is where they go. Owns the staged packets; once an injecting call has returned, the kernel has copied what it sent, and
// the frames are free. Thread rule: pmd/queue.h. Open, Drain, Close and CollectFrames belong to the control path while no thread sends.
class alignas(lcore::kCacheLineBytes) InjectTxQueue final : public TxQueue {
 public:
  enum class Policy : uint8_t { kCheapest, kAlwaysInject };

  // `ring` is the other engine, which it may share with others.
  InjectTxQueue(std::shared_ptr<mempool::Pool> pool, const RingEnd& ring, Policy policy);

  std::size_t Send(std::span<const Packet> packets) override;
  std::size_t SendMore(std::span<const Packet> packets) override;
  bool Poll() override;
  std::size_t TakeTimestamps(std::span<TxTimestamp> stamps) override { return ring_.TakeTimestamps(stamps); }

  // Without an injection everything goes through the ring. `ready`: the device takes XDP frames now.
  void Open(bpf::Injection* injection, bool ready, uint32_t flush_us);
  // Sends what is staged; returns how many packets are left, as the ring took no more.
  std::size_t Drain();
  // Drops what is staged. Before the ring is closed.
  void Close();

  // With kCheapest: the ring takes all from now on. Any thread.
  void PreferRing(bool prefer) { prefers_ring_.store(prefer, std::memory_order_relaxed); }

  // The device took XDP frames when it was last asked. Any thread.
  bool ready() const { return ready_.load(std::memory_order_relaxed); }
  const InjectCounters& counters() const { return counters_; }
  std::size_t staged() const { return staged_count_; }
  // How long a device that stopped taking XDP frames is left alone; 0 while it takes them.
  uint64_t retry_in_cycles() const { return retry_in_; }
  void CollectFrames(absl::string_view holder, mempool::FrameAudit& audit) const;

 private:
  using Cycles = uint64_t;

  std::size_t SendByCost(std::span<const Packet> packets);
  bool PrefersInjection(std::size_t depth);
  bool MustGoThroughRing(std::span<const Packet> packets);
  std::size_t SendInOrder(std::span<const Packet> packets);
  std::size_t Stage(std::span<const Packet> packets);
  bool IsDue() const;
  void Flush();
  void Inject();
  void InjectBlock(inject_block& block, Cycles begin);
  bool MayInject(const Packet& packet) const;
  bool Describe(inject_block& block);
  void Settle(const inject_block& block, bool failed);
  void KeepUnsettled(const inject_block& block);
  void AskAgainLater();
  void Recover();
  void FlushToRing();
  std::size_t SendThroughRing(std::span<const Packet> packets);

  bpf::Injection* injection_ = nullptr;
  unsigned last_block_ = 0;
  const Policy policy_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> prefers_ring_{false};
  Cycles retry_at_ = 0;  // while not ready: when to try again
  Cycles retry_in_ = 0;
  std::size_t staged_count_ = 0;
  uint32_t described_longest_ = 0;
  uint64_t described_bytes_ = 0;
  TxQueue& ring_;
  const XskTxRing& socket_;
  const XskTxRing::Owner& owner_;  // of socket_: ring_'s
  PushTimer timer_;
  std::size_t enough_ = INJECT_BLOCK_FRAMES;  // staged packets that wait for no more
  const std::shared_ptr<mempool::Pool> pool_;
  TransmitCost cost_;
  InjectCounters counters_;
  std::array<Packet, INJECT_BLOCK_FRAMES> staged_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_INJECT_TX_QUEUE_H_
