// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/queue_watch.h"

#include <algorithm>

#include <absl/strings/str_cat.h>

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint64_t kNanosecondsAMillisecond = 1'000'000;

}  // namespace

QueueMotion MotionOf(const XskRxQueue& rx, const XskTxRing& tx, bool receives, const mempool::Pool& pool) {
  QueueMotion motion{.receives = receives,
                     .polls = rx.polls(),
                     .received = rx.counters().packets.value(),
                     .rx_waiting = rx.waiting(),
                     .rx_held = rx.outstanding(),
                     .fill_asks = rx.asks_for_wakeup(),
                     .wakeups = rx.counters().wakeups.value(),
                     .wakeups_failed = rx.counters().wakeups_failed.value(),
                     .pool_free = pool.FreeCount(),
                     .tx_waiting = tx.waiting(),
                     .completed = tx.completed_waiting(),
                     .tx_asks = tx.asks_for_wakeup()};
  for (std::size_t number = 0; number < tx.owner_count(); ++number) {
    const TxCounters& counters = tx.owner(number).counters;
    motion.settled += counters.completed.sent.value() + counters.dropped();
    motion.taken += counters.taken.value();
    motion.refused += counters.ring_full.value();
    motion.kicks += counters.kicks.value();
    motion.kicks_again += counters.kicks_again.value();
    motion.kicks_failed += counters.kicks_failed.value() + counters.kicks_no_buffer.value();
  }
  return motion;
}

bool QueueWatch::Look(const QueueMotion& now, bool link_up, uint64_t now_ns) {
  const uint64_t step_ns = last_ns_ == 0 ? 0 : std::min(now_ns - last_ns_, kLongestStepNs);
  last_ns_ = now_ns;
  const bool rx_stands = link_up && RxWaits(now) && rx_.since.has_value();
  const bool tx_stands = link_up && TxWaits(now) && tx_.since.has_value();
  const bool rx = LookAt(rx_, rx_stands ? RxCause(*rx_.since, now) : StallCause::kNone, now, step_ns);
  const bool tx = LookAt(tx_, tx_stands ? TxCause(*tx_.since, now) : StallCause::kNone, now, step_ns);
  if (!RxWaits(now)) rx_.since.reset();
  if (!TxWaits(now)) tx_.since.reset();
  return rx || tx;
}

bool QueueWatch::LookAt(Side& side, StallCause cause, const QueueMotion& now, uint64_t step_ns) {
  const StallCause before = side.cause;
  if (cause == StallCause::kNone) {
    side.since = now;
    side.standing_ns = 0;
    side.cause = StallCause::kNone;
    return before != StallCause::kNone;
  }
  side.standing_ns += step_ns;
  if (side.standing_ns < kPatienceNs) return false;
  side.cause = cause;
  side.text = Text(cause, *side.since, now);
  if (before == StallCause::kNone) ++side.stalls;
  return before != cause;
}

void QueueWatch::Forget() {
  rx_ = {.stalls = rx_.stalls};
  tx_ = {.stalls = tx_.stalls};
  last_ns_ = 0;
}

// A queue that is empty stands still by right.
bool QueueWatch::RxWaits(const QueueMotion& motion) {
  return motion.receives && (motion.rx_waiting > 0 || motion.rx_held == 0 || motion.fill_asks);
}

// Of what is in the completion ring the driver did its part; it is taken off with the next packets.
bool QueueWatch::TxWaits(const QueueMotion& motion) {
  return motion.taken != motion.settled && motion.completed == 0;
}

// Nor should one move that nobody polls while nothing waits in it.
StallCause QueueWatch::RxCause(const QueueMotion& since, const QueueMotion& now) {
  if (now.received != since.received) return StallCause::kNone;
  const bool polled = now.polls != since.polls;
  if (now.rx_waiting > 0) return polled ? StallCause::kNone : StallCause::kNobodyReceives;
  if (!polled) return StallCause::kNone;
  if (now.rx_held == 0) return StallCause::kNoFrames;
  if (now.fill_asks && now.wakeups == since.wakeups && now.wakeups_failed != since.wakeups_failed) return StallCause::kWakeUpRefused;
  return StallCause::kNone;
}

StallCause QueueWatch::TxCause(const QueueMotion& since, const QueueMotion& now) {
  if (now.settled != since.settled) return StallCause::kNone;
  if (now.tx_waiting > 0) {
    return now.tx_asks && now.kicks == since.kicks ? StallCause::kNobodySends : StallCause::kNotTaken;
  }
  const bool follows = now.taken != since.taken || now.refused != since.refused || now.taken - now.settled >= kFramesInFlight;
  return follows ? StallCause::kNotCompleted : StallCause::kNone;
}

std::string QueueWatch::Text(StallCause cause, const QueueMotion& since, const QueueMotion& now) {
  const uint64_t kicks = now.kicks - since.kicks;
  switch (cause) {
    case StallCause::kNobodyReceives:
      return absl::StrCat(now.rx_waiting, " packets wait in the rx ring, and no thread receives them");
    case StallCause::kNoFrames:
      return absl::StrCat("the kernel has no frame to receive into, and the pool has ", now.pool_free,
                          " free: what comes in is lost (more frames, or find who keeps them)");
    case StallCause::kWakeUpRefused:
      return "the driver waits to be woken for the fill ring, and the kernel refuses that";
    case StallCause::kNobodySends:
      return absl::StrCat(now.tx_waiting, " packets wait in the tx ring, and no thread comes back to the queue");
    case StallCause::kNotTaken:
      if (kicks == 0)
        return absl::StrCat(now.tx_waiting, " packets wait in the tx ring; the driver neither takes them nor asks to be woken");
      return absl::StrCat(now.tx_waiting, " packets wait in the tx ring; the kernel was asked ", kicks, " times and took none (EAGAIN ",
                          now.kicks_again - since.kicks_again, ", refused ", now.kicks_failed - since.kicks_failed, ")");
    case StallCause::kNotCompleted:
      return absl::StrCat("the driver took ", now.taken - now.settled, " packets and completes none of them");
    case StallCause::kNone:
      break;
  }
  return "";
}

std::optional<Stall> QueueWatch::StallOf(const Side& side, bool receives) {
  if (side.cause == StallCause::kNone) return std::nullopt;
  return Stall{.receives = receives, .cause = side.cause, .text = side.text, .milliseconds = side.standing_ns / kNanosecondsAMillisecond};
}

}  // namespace pollux::pmd::af_xdp
