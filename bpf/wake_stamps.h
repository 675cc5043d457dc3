// SPDX-License-Identifier: Apache-2.0
// WakeStamps: of each queue, when the first packet came since its thread said that it would sleep.
//
//   queue's thread                    XDP program, of a packet for the queue
//   stamp = WAKE_STAMP_ARMED
//   asks once more, sleeps            stamp armed? then stamp = now (CLOCK_MONOTONIC, ns)
//   wakes, reads the stamp            not armed: leaves it alone
//
// Nobody takes the stamp away again: a thread that does not sleep costs the program one stamp, and nothing after that.
#ifndef BPF_WAKE_STAMPS_H_
#define BPF_WAKE_STAMPS_H_

#include <cstdint>
#include <span>
#include <utility>

namespace pollux::bpf {

class WakeStamps {
 public:
  WakeStamps() = default;
  // The map wake_stamps of a loaded program, which the kernel keeps for as long as this lives. Without one (-1), or where it cannot be had,
  // there are no stamps: nothing depends on them.
  explicit WakeStamps(int map);
  WakeStamps(WakeStamps&& other) noexcept : stamps_(std::exchange(other.stamps_, {})), mapped_(std::exchange(other.mapped_, 0)) {}
  WakeStamps& operator=(WakeStamps&&) = delete;
  ~WakeStamps();

  // Null: there is none. To be read and written as an atomic.
  uint64_t* At(uint32_t queue) const { return queue < stamps_.size() ? &stamps_[queue] : nullptr; }

 private:
  std::span<uint64_t> stamps_;
  std::size_t mapped_ = 0;  // bytes
};

}  // namespace pollux::bpf

#endif  // BPF_WAKE_STAMPS_H_
