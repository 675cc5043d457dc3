// SPDX-License-Identifier: Apache-2.0
// FrameAudit: every frame is in exactly one place.
#ifndef MEMPOOL_FRAME_AUDIT_H_
#define MEMPOOL_FRAME_AUDIT_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/string_view.h>

#include "mempool/frame_set.h"
#include "mempool/pool.h"

namespace pollux::mempool {

// Counts the frames of one pool by holder (docs/ownership.md names the states). Make one while all threads are quiet, let every
// holder report with Add, then ask. The free frames (depot and caches) are counted by the constructor.
class FrameAudit {
 public:
  explicit FrameAudit(const Pool& pool);

  const Pool& pool() const { return pool_; }

  // `holder` in words, "p0 queue 1: fill ring".
  void Add(absl::string_view holder, const FrameSet& frames);
  // One frame, for holders that keep packets: `holder` "noisy fifo of stream 3". Packets of other pools are passed over.
  void Add(absl::string_view holder, const Packet& packet);

  // OK if every frame was reported once and once only. Else DATA_LOSS with the counts by holder, the number of frames that
  // nobody reported (leaked) and of those reported twice, and the first few frame numbers of each.
  absl::Status Balance() const;

  // Lines "free 32000", "p0 queue 0: fill 768", ... in order of report.
  const std::vector<std::pair<std::string, std::size_t>>& holders() const { return holders_; }
  std::size_t missing() const;
  const std::vector<FrameNumber>& duplicates() const { return duplicates_; }

 private:
  void AddFrame(std::size_t& count, FrameNumber frame);
  std::size_t& CountOf(absl::string_view holder);

  const Pool& pool_;
  FrameSet seen_;
  std::vector<std::pair<std::string, std::size_t>> holders_;
  std::vector<FrameNumber> duplicates_;
};

}  // namespace pollux::mempool

#endif  // MEMPOOL_FRAME_AUDIT_H_
