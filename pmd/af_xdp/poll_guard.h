// SPDX-License-Identifier: Apache-2.0
// PollGuard: between a thread that waits for packets of a socket and one that takes packets back from the socket's tx ring.
//
// In copy mode poll(2) on a socket sends what is in its tx ring ("Poll needs to drive Tx also in copy mode", the kernel's net/xdp/xsk.c).
// So whoever sleeps until packets come has the kernel read a ring that may be another lcore's, which may be about to take back from it what
// was not sent for want of a link.
//
//     rx queue's thread, before poll(2)            tx ring's thread
//     waiting = true                               taking = true
//     taking? waiting = false, and no poll         waiting? taking = false, not now: wanted = true
//     poll(2)                                      take packets back
//     waiting = false                              taking = false, wanted = false (true: some could not be had)
//
// Sequentially consistent, both sides: at least one of the two sees what the other has written, and goes back. Neither waits for the other.
// A wait ends within IdleGovernor::kLongestSleepNs, and while something is wanted the next does not begin: what was refused is had by then.
#ifndef PMD_AF_XDP_POLL_GUARD_H_
#define PMD_AF_XDP_POLL_GUARD_H_

#include <atomic>

namespace pollux::pmd::af_xdp {

// Flag: std::atomic<bool>, or what a test puts in its place.
template <typename Flag>
class BasicPollGuard {
 public:
  // Of the rx queue's thread. True: poll(2) may be called until EndWait.
  bool BeginWait() {
    waiting_.store(true, std::memory_order_seq_cst);
    if (!taking_.load(std::memory_order_seq_cst)) return true;
    EndWait();
    return false;
  }
  void EndWait() { waiting_.store(false, std::memory_order_release); }
  // Of the control path, while no thread uses the socket: a wait began, and its thread was told to stop before it ended it.
  bool waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // Of the thread whose turn it is at the tx ring. True: nobody polls until EndTake.
  bool BeginTake() {
    taking_.store(true, std::memory_order_seq_cst);
    if (!waiting_.load(std::memory_order_seq_cst)) return true;
    taking_.store(false, std::memory_order_release);
    wanted_.store(true, std::memory_order_relaxed);
    return false;
  }
  // `all`: nothing is left that should have been taken back. What is left goes on being wanted, so that no wait has the kernel take more.
  void EndTake(bool all) {
    taking_.store(false, std::memory_order_release);
    all ? Forget() : wanted_.store(true, std::memory_order_relaxed);
  }
  // Nothing is wanted any more: the link is up.
  void Forget() {
    if (wanted_.load(std::memory_order_relaxed)) wanted_.store(false, std::memory_order_relaxed);
  }
  // Any thread: something was refused. No wait is to begin while that still is in the ring.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }

 private:
  Flag waiting_{false};
  Flag taking_{false};
  Flag wanted_{false};
};

using PollGuard = BasicPollGuard<std::atomic<bool>>;

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_POLL_GUARD_H_
