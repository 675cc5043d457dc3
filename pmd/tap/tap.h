// SPDX-License-Identifier: Apache-2.0
// Tap: copies of the packets of one port, in rings that another process reads (tap_layout.h).
#ifndef PMD_TAP_TAP_H_
#define PMD_TAP_TAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "mempool/packet.h"
#include "pmd/tap/packet_filter.h"
#include "pmd/tap/tap_layout.h"

namespace pollux::pmd {

// The writer's end of a ring: single-lcore. It never waits: what finds no room is left out and counted.
class TapRing {
 public:
  TapRing(TapRingHeader& header, std::span<std::byte> memory, const PacketFilter& filter, uint32_t snap_length)
      : header_(header), memory_(memory), filter_(filter), snap_length_(snap_length) {}

  // Copies what the filter takes of a burst of at most kMaximumBurst elements; it looks at a packet's first frame. The reader does not see
  // it yet. Received ones have the time at which the device stamped them, if it did.
  void Write(std::span<const mempool::Packet> packets, bool received = false);
  // Shows the packets among the first `count` elements; the others did not pass.
  void Publish(std::size_t count);

 private:
  // After each element of the burst.
  struct Progress {
    uint64_t end = 0;
    uint32_t passed = 0;
    uint32_t taken = 0;
    uint32_t dropped = 0;
  };
  bool Append(std::span<const mempool::Packet> frames, std::size_t wire_length, uint64_t time_ns, uint64_t room, uint64_t& end);

  TapRingHeader& header_;
  const std::span<std::byte> memory_;
  const PacketFilter& filter_;
  const uint32_t snap_length_;
  uint64_t written_ = 0;  // the header's, which is not ours alone
  std::array<Progress, mempool::kMaximumBurst> progress_;
};

struct TapOptions {
  uint32_t snap_length = 262144;  // bytes of a packet that are copied
  uint64_t bytes = 16 << 20;      // of all rings
};

// Made and destroyed by the control thread.
class Tap {
 public:
  static constexpr uint64_t kFewestRingBytes = 64 << 10;
  static constexpr uint64_t kMostBytes = uint64_t{1} << 30;

  // INVALID_ARGUMENT: sizes beyond the above, or rings shorter than a packet of snap_length. RESOURCE_EXHAUSTED and its like: no memory.
  static absl::StatusOr<std::unique_ptr<Tap>> Create(std::size_t rx_queues, std::size_t tx_queues, const TapOptions& options,
                                                     PacketFilter filter);
  ~Tap();
  Tap(const Tap&) = delete;
  Tap& operator=(const Tap&) = delete;

  TapRing& rx(std::size_t queue) { return *rings_[queue]; }
  TapRing& tx(std::size_t queue) { return *rings_[rx_queues_ + queue]; }
  // The rx rings are first.
  std::size_t rx_queues() const { return rx_queues_; }
  std::size_t rings() const { return rings_.size(); }
  uint64_t ring_bytes() const { return ring_bytes_; }
  const TapRingHeader& header(std::size_t ring) const { return headers_[ring]; }
  // Of the shared file, whose size nobody can change.
  int descriptor() const { return file_.get(); }
  // Tells the reader that nothing more comes.
  void End();

 private:
  Tap(PacketFilter filter, bpf::UniqueFd file, std::span<std::byte> memory, std::size_t rx_queues, std::size_t rings, uint64_t ring_bytes,
      uint32_t snap_length);

  const PacketFilter filter_;
  const bpf::UniqueFd file_;
  const std::span<std::byte> memory_;
  const std::size_t rx_queues_;
  const uint64_t ring_bytes_;
  TapRingHeader* const headers_;
  std::vector<std::unique_ptr<TapRing>> rings_;
};

}  // namespace pollux::pmd

#endif  // PMD_TAP_TAP_H_
