// SPDX-License-Identifier: Apache-2.0
// TapReader: the reader's end of a process's tap (pmd/tap/tap_layout.h).
#ifndef TOOLS_CAPTURE_TAP_READER_H_
#define TOOLS_CAPTURE_TAP_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"
#include "pmd/tap/tap_layout.h"

namespace pollux::capture {

struct TapShape {
  std::size_t rx_rings = 0;
  std::size_t rings = 0;
  uint64_t ring_bytes = 0;
};

struct TappedPacket {
  bool received = false;  // else sent
  uint32_t queue = 0;
  uint64_t time_ns = 0;
  uint32_t wire_length = 0;
  std::span<const std::byte> bytes;  // in the ring: until Consume
};

class TapReader {
 public:
  // INVALID_ARGUMENT: `memory` is not of that shape, or may get shorter. What is in there is the other process's to write at any time: it
  // is looked at once, and trusted in nothing.
  static absl::StatusOr<std::unique_ptr<TapReader>> Map(const bpf::UniqueFd& memory, const TapShape& shape);
  ~TapReader();

  // The oldest packet of those that are there, or none. DATA_LOSS: what is there is no packet.
  absl::StatusOr<std::optional<TappedPacket>> Next();
  // Gives the room of the last Next's packet back.
  void Consume();
  // The port has ended the tap: once nothing is left, nothing more comes.
  bool ended() const;

  struct Totals {
    uint64_t passed = 0;   // packets of the port
    uint64_t taken = 0;    // of these, by the filter
    uint64_t dropped = 0;  // of the taken: this reader was too slow
  };
  Totals totals() const;

 private:
  TapReader(std::span<std::byte> memory, const TapShape& shape);
  struct Front {
    pmd::TapRecord record = {};
    const std::byte* bytes = nullptr;  // null: the ring is empty
  };
  // The packet at the ring's front.
  absl::StatusOr<Front> FrontOf(std::size_t ring);

  const std::span<std::byte> memory_;
  const TapShape shape_;
  pmd::TapRingHeader* const headers_;
  // Of the last Next.
  std::size_t front_ring_ = 0;
  uint32_t front_length_ = 0;  // 0: there is none
};

}  // namespace pollux::capture

#endif  // TOOLS_CAPTURE_TAP_READER_H_
