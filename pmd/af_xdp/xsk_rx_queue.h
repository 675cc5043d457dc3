// SPDX-License-Identifier: Apache-2.0
// XskRxQueue: the fill and rx rings of a socket.
#ifndef PMD_AF_XDP_XSK_RX_QUEUE_H_
#define PMD_AF_XDP_XSK_RX_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "lcore/cache_line.h"
#include "lcore/counter.h"
#include "mempool/frame_set.h"
#include "mempool/pool.h"
#include "pmd/af_xdp/fill_target.h"
#include "pmd/af_xdp/xsk_calls.h"
#include "pmd/af_xdp/xsk_ring.h"
#include "pmd/af_xdp/xsk_tx_ring.h"
#include "pmd/queue.h"

namespace pollux::pmd::af_xdp {

struct RxCounters {
  lcore::Counter packets;
  lcore::Counter bytes;
  lcore::Counter bursts;               // Receive calls that returned packets
  lcore::Counter no_frame;             // times that the pool was short at a refill; until it has been made up for, one
  lcore::Counter wakeups;              // system calls that the kernel took
  lcore::Counter wakeups_failed;       // that it refused: the link is down, the device gone
  lcore::Counter checksums_completed;  // packets that came with an unfinished one
  lcore::Counter discarded_at_stop;    // in the rx ring when the queue stopped
  lcore::Counter scattered;            // packets of several frames, among those received
  lcore::Counter dropped_too_many_frames;
};

// Keeps as many frames with the kernel as the load asks for (fill_target.h): on their way from fill ring to rx ring, wherever they are.
// What a shortage of frames takes away is made up as soon as there are frames again. Contract and thread rule: pmd/queue.h; Open, Close and
// the ledger belong to the control path while no thread receives.
class alignas(lcore::kCacheLineBytes) XskRxQueue final : public RxQueue {
 public:
  XskRxQueue(std::shared_ptr<mempool::Pool> pool, XskCalls& calls);

  std::size_t Receive(std::span<Packet> packets) override;
  int PrepareToWait() override;
  uint64_t FirstArrivalNs() override;

  // Takes the rings of a socket that is not bound yet, and fills up to limits.fewest; returns the frames that were to be had.
  // limits.most is not above the fill ring's size.
  std::size_t Open(int socket, const RingMemory& fill, const RingMemory& rx, const FillLimits& limits);
  // Once the bind has shown whether the device keeps frames of its own. Before the first Receive.
  void Limit(const FillLimits& limits) { target_.Limit(limits); }
  // With every empty poll a system call, which runs the driver's NAPI (SO_PREFER_BUSY_POLL).
  void SetBusyPolling(bool on) { busy_polling_ = on; }
  // The tx ring of the socket, which a wait for the socket has the kernel look at. Before the first Open; it outlives this.
  void SetTxRing(XskTxRing& ring) { tx_ring_ = &ring; }
  // Where the program puts down when a packet came (bpf/wake_stamps.h); null: nowhere. While no thread receives.
  void SetWakeStamp(uint64_t* stamp) { wake_stamp_ = stamp; }
  // Unfinished checksums are finished before the caller sees them (checksum_completion.h).
  void SetChecksumCompletion(bool on) { completes_checksums_ = on; }
  // The program leaves metadata in front of packets, and those that have it get Packet::kRxMetadata. While no thread receives.
  void SetMetadata(bool on) { has_metadata_ = on; }
  // Packets may have several frames: the socket was bound for them. Before Open.
  void SetScattered(bool on);
  // Frees what waits in the rx ring, counted as discarded; the socket gets no more packets by now.
  void Discard();
  // After the socket is closed: takes the rings away and returns the frames that the kernel held. If it has not released them
  // yet (a zero-copy device may still write to them), they stay held until a later Close.
  void Close(bool released = true);

  const RxCounters& counters() const { return counters_; }
  const mempool::FrameSet& held() const { return held_; }
  // Any thread: frames that the kernel's side holds now, rx ring included.
  std::size_t outstanding() const { return outstanding_.value(); }
  // Any thread: calls of Receive; packets in the rx ring; frames wait in the fill ring for a driver that asks to be woken.
  uint64_t polls() const { return counters_.bursts.value() + idle_polls_.value(); }
  uint32_t waiting() const { return rx_.Waiting(); }
  bool asks_for_wakeup() const { return fill_.NeedsWakeup() && fill_.Waiting() > 0; }

 private:
  std::size_t ReceiveSome(std::span<Packet> packets);
  std::size_t ReceiveScattered(std::span<Packet> packets);
  void Count(uint32_t frames, uint64_t packets, uint64_t bytes);
  uint64_t Take(const xdp_desc* descriptors, Packet* packets, uint32_t count);
  std::size_t Idle();  // returns 0, as Receive does then
  std::size_t IdleWithWork(bool wakes, bool looks);
  void Refill();
  void Wake();
  uint32_t Outstanding() const { return static_cast<uint32_t>(outstanding_.value()); }

  // What every burst uses.
  ConsumerRing<xdp_desc> rx_;
  ProducerRing<uint64_t> fill_;
  mempool::FrameSet held_;  // in the fill ring, in the kernel, in the rx ring
  std::byte* const base_;
  const uint16_t pool_id_;
  const unsigned frame_shift_;
  lcore::Counter outstanding_;  // held_.Count(), as long as the queue is open
  FillTarget target_;
  uint8_t receives_until_awake_ = 0;  // calls of Receive until a wait that PrepareToWait allowed is over; 0: there is none
  bool short_ = false;                // the last refill found too few frames
  bool completes_checksums_ = false;
  bool has_metadata_ = false;
  bool scattered_ = false;
  bool drops_rest_ = false;  // of a packet that has too many frames; its first ones are gone
  RxCounters counters_;

  // What idle polls use.
  int socket_ = -1;
  bool busy_polling_ = false;
  lcore::Counter idle_polls_;
  uint32_t polls_without_wakeup_ = 0;  // to come, since the kernel refused the last
  const std::shared_ptr<mempool::Pool> pool_;
  XskCalls& calls_;
  XskTxRing* tx_ring_ = nullptr;
  uint64_t* wake_stamp_ = nullptr;
  std::vector<std::byte> whole_packet_;  // for the checksum of a scattered one
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_XSK_RX_QUEUE_H_
