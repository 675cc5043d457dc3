// SPDX-License-Identifier: Apache-2.0
// FakeKernel: plays the kernel's side of the four rings of an AF_XDP socket, for the cases that a real one does not reach.
#ifndef TESTS_SUPPORT_FAKE_KERNEL_H_
#define TESTS_SUPPORT_FAKE_KERNEL_H_

#include <linux/if_xdp.h>

#include <cerrno>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "pmd/af_xdp/xsk_calls.h"
#include "pmd/af_xdp/xsk_ring.h"

namespace pollux::support {

// One ring's memory, with indices that may start anywhere: near 2^32 they wrap in the middle of a test. As the kernel's it may be in use by
// another thread at the other end.
template <typename Entry>
class FakeRing {
 public:
  FakeRing(uint32_t size, uint32_t start) : entries_(size), producer_(start), consumer_(start) {}

  pmd::af_xdp::RingMemory memory() {
    return {.producer = &producer_, .consumer = &consumer_, .flags = &flags_, .entries = entries_.data(), .size = size()};
  }
  uint32_t size() const { return static_cast<uint32_t>(entries_.size()); }
  uint32_t waiting() {
    const uint32_t consumer = pmd::af_xdp::LoadAcquire(&consumer_);
    return pmd::af_xdp::LoadAcquire(&producer_) - consumer - unsaid_;
  }
  uint32_t room() { return size() - waiting(); }
  // Unless it `says` so, the other end does not see that this entry, and those taken before in this way, are gone.
  Entry Take(bool says = true) {
    const Entry entry = entries_[(consumer_ + unsaid_) & (size() - 1)];
    ++unsaid_;
    if (says) Say();
    return entry;
  }
  void Say() { pmd::af_xdp::StoreRelease(&consumer_, consumer_ + std::exchange(unsaid_, 0)); }
  void Put(const Entry& entry) {
    entries_[producer_ & (size() - 1)] = entry;
    pmd::af_xdp::StoreRelease(&producer_, producer_ + 1);
  }
  void SetNeedsWakeup(bool on) { flags_ = on ? XDP_RING_NEED_WAKEUP : 0; }

 private:
  std::vector<Entry> entries_;
  uint32_t producer_;
  uint32_t consumer_;
  uint32_t unsaid_ = 0;
  uint32_t flags_ = 0;
};

// In copy mode, as net/xdp/xsk.c: a received packet takes the first frame of the fill ring; WakeTx sends up to `budget` packets, as
// long as the completion ring has a place for each, and says EAGAIN when there are more. Errors are scripted: the n-th WakeTx answers the
// n-th entry of `errors`, until they are used up.
class FakeKernel final : public pmd::af_xdp::XskCalls {
 public:
  static constexpr uint32_t kHeadroom = 256;

  explicit FakeKernel(uint32_t size, uint32_t start = 0) : fill(size, start), rx(size, start), tx(size, start), completion(size, start) {
    tx.SetNeedsWakeup(true);
  }

  // False, and counted, where the kernel would drop: no frame to fill, or no room in the rx ring.
  bool Receive(uint32_t length) {
    if (fill.waiting() == 0) return ++fill_ring_empty, false;
    if (rx.room() == 0) return ++rx_ring_full, false;
    const uint64_t frame = fill.Take();
    rx.Put({.addr = frame + kHeadroom, .len = length, .options = 0});
    return true;
  }

  int WakeTx(int) override {
    ++tx_wakeups;
    int error = 0;
    if (!errors.empty()) {
      error = errors.front();
      errors.pop_front();
    }
    if (error == EBUSY) {  // one descriptor completed, its packet dropped
      if (tx.waiting() > 0) SendOne(false, says_drops);
      return EBUSY;
    }
    if (error != 0) return error;
    for (uint32_t count = 0; tx.waiting() > 0; ++count) {
      if (count == budget || in_flight.size() + completion.waiting() >= completion.size()) return EAGAIN;
      SendOne(true);
    }
    tx.Say();
    return 0;
  }
  int WakeRx(int) override { return ++rx_wakeups, rx_error; }
  uint64_t Nanoseconds() override { return now_ns; }

  // As poll(2) of another thread does before Linux 6.17: the other end does not see that these packets were taken from the tx ring.
  void SendUnsaid(uint32_t count) {
    while (count-- > 0) SendOne(true, false);
  }

  // Completes up to `count` of what was sent, the oldest first (or last, as some drivers may).
  void Complete(std::size_t count, bool newest_first = false) {
    for (; count > 0 && !in_flight.empty() && completion.room() > 0; --count) {
      completion.Put(newest_first ? in_flight.back() : in_flight.front());
      newest_first ? in_flight.pop_back() : in_flight.pop_front();
    }
  }

  FakeRing<uint64_t> fill;
  FakeRing<xdp_desc> rx;
  FakeRing<xdp_desc> tx;
  FakeRing<uint64_t> completion;

  uint32_t budget = 32;
  bool completes_at_once = true;
  bool says_drops = true;  // as far as EBUSY goes; the real one does not
  std::deque<int> errors;
  std::deque<uint64_t> in_flight;
  std::vector<xdp_desc> sent;
  int tx_wakeups = 0;
  int rx_wakeups = 0;
  int rx_error = 0;     // what WakeRx answers
  uint64_t now_ns = 0;  // the clock stands unless a test moves it
  int fill_ring_empty = 0;
  int rx_ring_full = 0;

 private:
  void SendOne(bool reaches_wire, bool says = true) {
    const xdp_desc descriptor = tx.Take(says);
    if (reaches_wire) sent.push_back(descriptor);
    in_flight.push_back(descriptor.addr);
    if (completes_at_once) Complete(1);
  }
};

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_FAKE_KERNEL_H_
