// SPDX-License-Identifier: Apache-2.0
// FrameSet: the ledger of one holder, a bit a frame.
#ifndef MEMPOOL_FRAME_SET_H_
#define MEMPOOL_FRAME_SET_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pollux::mempool {

using FrameNumber = uint32_t;  // index of a frame in its pool: (address - base) >> log2(frame size)

// A kernel ring cannot be asked which frames it took and has not given back. So each side of a queue keeps this set: a frame is
// inserted when it is handed to the kernel and erased when it comes back. A bitmap, because 32,768 frames fit in 4 KiB
// and stay in the first-level cache. Single-lcore; readable by others only while its queue is stopped.
class FrameSet {
 public:
  explicit FrameSet(std::size_t frame_count) : words_((frame_count + 63) / 64) {}

  void Insert(FrameNumber frame) { words_[frame / 64] |= Bit(frame); }
  void Erase(FrameNumber frame) { words_[frame / 64] &= ~Bit(frame); }
  bool Contains(FrameNumber frame) const { return frame / 64 < words_.size() && (words_[frame / 64] & Bit(frame)) != 0; }

  std::size_t Count() const {
    std::size_t count = 0;
    for (uint64_t word : words_) count += std::popcount(word);
    return count;
  }

  // Calls visit(FrameNumber) for every member, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (std::size_t index = 0; index < words_.size(); ++index) {
      for (uint64_t word = words_[index]; word != 0; word &= word - 1) {
        visit(static_cast<FrameNumber>(index * 64 + std::countr_zero(word)));
      }
    }
  }

  void Clear() { words_.assign(words_.size(), 0); }

 private:
  static uint64_t Bit(FrameNumber frame) { return uint64_t{1} << (frame % 64); }

  std::vector<uint64_t> words_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_FRAME_SET_H_
