// SPDX-License-Identifier: Apache-2.0
// FillTarget: how many frames an rx queue keeps with the kernel.
//
// The kernel drops what arrives while the fill ring is empty, and frames in the fill ring cannot be taken back. So a queue asks for
// what arrives within kHorizonNs at its present rate: that much may wait in its rx ring while the lcore is away, and nothing is lost. The
// target doubles at once when the rate asks for it, several times in the time that it takes to use the target up; it halves when the rate
// asked for less than a quarter for kQuietNs. What is above the target then goes away with the packets that arrive.
//
//   frames
//    most   |            ________________
//           |         __|                |_______
//           |       _|                           |_____    each step 1 s
//    fewest |______|  steps of 2                       |______
//           +--------------------------------------------------> time
//                  load comes           load goes
//
// The pool is shared. A queue grows only into what lies above the pool's reserve (an eighth), and into half of that; when the depot falls
// below half of the reserve, the queues with traffic shrink at once, down to `smallest`. So the reserve is there for the refills of all,
// and for ports to come.
#ifndef PMD_AF_XDP_FILL_TARGET_H_
#define PMD_AF_XDP_FILL_TARGET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "mempool/pool.h"

namespace pollux::pmd::af_xdp {

struct FillLimits {
  uint32_t smallest = 0;  // never below, however short the pool
  uint32_t fewest = 0;    // at the start, and of a quiet queue
  uint32_t most = 0;

  // Always as many.
  static constexpr FillLimits Fixed(uint32_t frames) { return {frames, frames, frames}; }
  // Of a queue that follows its load. `hardware_frames`: those that the device keeps in a ring of its own (zero-copy), beside ours.
  // A queue starts with more as long as the pool is hardly used.
  static FillLimits Following(const mempool::Pool& pool, uint32_t hardware_frames, uint32_t most) {
    const std::size_t all = pool.frame_count(), left = pool.DepotCount();
    const std::size_t start = left > all / 4 * 3 ? all / 64 : left > all / 2 ? all / 256 : kSmallest;
    const uint32_t smallest = std::min(hardware_frames + kSmallest, most);
    return {smallest, std::clamp<uint32_t>(static_cast<uint32_t>(std::min(start, kLargestStart)) + hardware_frames, smallest, most), most};
  }

  static constexpr uint32_t kSmallest = 64;
  static constexpr std::size_t kLargestStart = 1024;
};

// Single-lcore; frames() by any thread.
class FillTarget {
 public:
  static constexpr uint64_t kHorizonNs = 4'000'000;
  static constexpr uint64_t kQuietNs = 1'000'000'000;

  void Open(const FillLimits& limits, uint64_t now_ns) {
    limits_ = limits;
    received_ = 0;
    looked_ns_ = needed_ns_ = now_ns;
    Set(limits.fewest);
  }
  // Another range, of which the target is the next value.
  void Limit(const FillLimits& limits) {
    limits_ = limits;
    Set(std::clamp(frames_, limits.fewest, limits.most));
  }

  // Nobody will look for a while: at least as many as a queue starts with at most, if the pool can spare them.
  void Expect(const mempool::Pool& pool) {
    const auto wanted = std::min<uint32_t>(FillLimits::kLargestStart, limits_.most);
    if (frames_ < wanted && pool.DepotCount() > pool.frame_count() / 8 + wanted) Set(wanted);
  }

  uint32_t frames() const { return frames_; }
  // Frames missing that a queue with packets refills: in batches, and before a small target is used up.
  uint32_t batch() const { return batch_; }

  // True: it is time to Look.
  bool Count(uint32_t packets) { return (received_ += packets) >= look_at_; }
  void Look(uint64_t now_ns, const mempool::Pool& pool) {
    if (limits_.smallest == limits_.most) {
      received_ = 0;
      return;
    }
    const uint64_t elapsed = now_ns - looked_ns_;
    if (received_ < look_at_ && elapsed < kHorizonNs / 2) return;
    // Packets within the horizon at this rate, compared without a division.
    const uint64_t rate = received_ * kHorizonNs;
    const uint64_t reserve = pool.frame_count() / 8, left = pool.DepotCount();
    if (rate * 4 >= frames_ * elapsed) needed_ns_ = now_ns;
    if (left < reserve / 2) {
      Set(std::max(std::min(limits_.smallest, frames_), frames_ / 2));
    } else if (rate >= frames_ * elapsed) {
      const uint64_t room = left > reserve ? (left - reserve) / 2 : 0;
      Set(static_cast<uint32_t>(frames_ + std::min<uint64_t>({frames_, limits_.most - frames_, room})));
    } else if (now_ns - needed_ns_ >= kQuietNs) {
      needed_ns_ = now_ns;
      Set(std::max(limits_.fewest, frames_ / 2));
    }
    received_ = 0;
    looked_ns_ = now_ns;
  }

 private:
  static constexpr uint32_t kBatch = 32;

  void Set(uint32_t frames) {
    frames_ = frames;
    batch_ = std::clamp(frames / 4, 1u, kBatch);
    look_at_ = limits_.smallest == limits_.most ? UINT32_MAX : std::max(frames / 2, 1u);
  }

  FillLimits limits_;
  uint32_t frames_ = 0;
  uint32_t batch_ = 1;
  uint64_t received_ = 0;          // since looked_ns_
  uint64_t look_at_ = UINT32_MAX;  // packets
  uint64_t looked_ns_ = 0;
  uint64_t needed_ns_ = 0;  // when the rate last asked for a quarter of the target, or it was changed for want of that
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_FILL_TARGET_H_
