// SPDX-License-Identifier: Apache-2.0
// QueueWatch: notices that a socket's rings stand still while they should move, and why.
//
//   moves ---- nothing has come out for kPatienceNs, though something waits and the link is up ----> stalled, with a cause
//     ^                                                                                                 |
//     +--------------------------- a packet, a completion, a frame -------------------------------------+
//
// It reads what the queues publish: counters with one writer each, and the indices of the rings.
#ifndef PMD_AF_XDP_QUEUE_WATCH_H_
#define PMD_AF_XDP_QUEUE_WATCH_H_

#include <cstdint>
#include <optional>
#include <string>

#include "pmd/af_xdp/xsk_rx_queue.h"
#include "pmd/af_xdp/xsk_tx_ring.h"
#include "pmd/stall.h"

namespace pollux::pmd::af_xdp {

// One moment of a socket's rings.
struct QueueMotion {
  bool receives = true;
  uint64_t polls = 0;  // calls of Receive
  uint64_t received = 0;
  uint64_t rx_waiting = 0;  // packets in the rx ring
  uint64_t rx_held = 0;     // frames with the kernel, rx ring included
  bool fill_asks = false;   // the driver wants to be woken, and frames wait for it
  uint64_t wakeups = 0;
  uint64_t wakeups_failed = 0;
  uint64_t pool_free = 0;

  uint64_t taken = 0;
  uint64_t settled = 0;     // sent or dropped
  uint64_t refused = 0;     // Send calls that could not take all
  uint64_t tx_waiting = 0;  // packets in the tx ring that the kernel has not taken
  uint64_t completed = 0;   // in the completion ring, and nobody took them off
  bool tx_asks = false;     // the driver wants a system call
  uint64_t kicks = 0;
  uint64_t kicks_again = 0;
  uint64_t kicks_failed = 0;
};
QueueMotion MotionOf(const XskRxQueue& rx, const XskTxRing& tx, bool receives, const mempool::Pool& pool);

// One a socket; belongs to the control thread, which looks a few times a second.
class QueueWatch {
 public:
  static constexpr uint64_t kPatienceNs = 400'000'000;
  static constexpr uint64_t kLongestStepNs = 250'000'000;  // of the time between two looks: no more counts
  static constexpr uint64_t kFramesInFlight = 256;         // that a driver may keep for as long as nothing follows: it reclaims lazily

  // True: what stands still has changed. With the link down nothing should move.
  bool Look(const QueueMotion& now, bool link_up, uint64_t now_ns);
  // The socket is another one.
  void Forget();

  std::optional<Stall> rx() const { return StallOf(rx_, true); }
  std::optional<Stall> tx() const { return StallOf(tx_, false); }
  // Times that it came to a stall.
  uint64_t rx_stalls() const { return rx_.stalls; }
  uint64_t tx_stalls() const { return tx_.stalls; }

 private:
  struct Side {
    std::optional<QueueMotion> since;  // when something waited first, and has not moved from then on
    uint64_t standing_ns = 0;
    StallCause cause = StallCause::kNone;  // kNone: it moves, or has not stood for long enough
    std::string text;
    uint64_t stalls = 0;
  };
  static bool RxWaits(const QueueMotion& motion);
  static bool TxWaits(const QueueMotion& motion);
  static StallCause RxCause(const QueueMotion& since, const QueueMotion& now);
  static StallCause TxCause(const QueueMotion& since, const QueueMotion& now);
  static std::string Text(StallCause cause, const QueueMotion& since, const QueueMotion& now);
  static std::optional<Stall> StallOf(const Side& side, bool receives);
  bool LookAt(Side& side, StallCause cause, const QueueMotion& now, uint64_t step_ns);

  Side rx_, tx_;
  uint64_t last_ns_ = 0;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_QUEUE_WATCH_H_
