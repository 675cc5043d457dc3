// SPDX-License-Identifier: Apache-2.0
// FrameSet: the ledger of one holder, a byte a frame.
#ifndef MEMPOOL_FRAME_SET_H_
#define MEMPOOL_FRAME_SET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pollux::mempool {

using FrameNumber = uint32_t;  // index of a frame in its pool: (address - base) >> log2(frame size)

// A kernel ring cannot be asked which frames it took and has not given back. So each side of a queue keeps this set: a frame is
// inserted when it is handed to the kernel and erased when it comes back. A byte a frame rather than a bit: one store, where a bit
// needs five instructions, and a neighbour's store just before is no load to wait for (tests/pmd/af_xdp/burst_benchmark.cc). Single-lcore;
// readable by others only while its queue is stopped.
class FrameSet {
 public:
  explicit FrameSet(std::size_t frame_count) : members_(frame_count) {}

  // The set's bytes, for a loop to hold in a register.
  class Writer {
   public:
    void Insert(FrameNumber frame, uint8_t tag = 1) const { members_[frame] = tag; }
    void Erase(FrameNumber frame) const { members_[frame] = 0; }

   private:
    friend class FrameSet;
    explicit Writer(uint8_t* members) : members_(members) {}
    uint8_t* members_;
  };
  Writer writer() { return Writer(members_.data()); }

  void Insert(FrameNumber frame) { members_[frame] = 1; }
  void Erase(FrameNumber frame) { members_[frame] = 0; }
  bool Contains(FrameNumber frame) const { return frame < members_.size() && members_[frame] != 0; }
  // What a member was inserted with, 1 to 255: whose it is, among several that share the set. 0: no member.
  uint8_t Tag(FrameNumber frame) const { return frame < members_.size() ? members_[frame] : 0; }

  std::size_t Count() const { return members_.size() - static_cast<std::size_t>(std::count(members_.begin(), members_.end(), 0)); }

  // Calls visit(FrameNumber) for every member, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (std::size_t frame = 0; frame < members_.size(); ++frame) {
      if (members_[frame] != 0) visit(static_cast<FrameNumber>(frame));
    }
  }

  void Clear() { members_.assign(members_.size(), 0); }

 private:
  std::vector<uint8_t> members_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_FRAME_SET_H_
