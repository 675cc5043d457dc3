// SPDX-License-Identifier: Apache-2.0
// NoisyEngine: forwards like a busy network function, with a backlog and with cache misses (noisy).
//
//     received --rewrite--> lookups --> | newest ... fifo ... oldest | --> sent
//                                         holds up to buffer_packets; more push the oldest out; none waits longer than flush_time_ms
#ifndef TOOLS_TESTPMD_ENGINES_NOISY_ENGINE_H_
#define TOOLS_TESTPMD_ENGINES_NOISY_ENGINE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/testpmd/engines/burst.h"
#include "tools/testpmd/engines/burst_rewriter.h"
#include "tools/testpmd/engines/engine_options.h"
#include "tools/testpmd/engines/forward_engine.h"

namespace pollux::testpmd {

class NoisyEngine : public ForwardEngine {
 public:
  // `rewriter` may be null (io). INVALID_ARGUMENT: lookups without memory. RESOURCE_EXHAUSTED: not so much memory.
  static absl::StatusOr<std::unique_ptr<ForwardEngine>> Make(const NoisyOptions& options, std::unique_ptr<BurstRewriter> rewriter);

  std::size_t Poll(Stream& stream) override;
  void End(Stream& stream) override;
  std::size_t HeldPackets() const override { return held_; }
  void CollectFrames(absl::string_view holder, mempool::FrameAudit& audit) const override;

 private:
  NoisyEngine(const NoisyOptions& options, std::unique_ptr<BurstRewriter> rewriter, std::unique_ptr<volatile uint8_t[]> memory,
              std::vector<Packet> fifo);

  void LookUp(std::size_t packets);
  volatile uint8_t& RandomByte();
  // Appends packets, and sends those that this pushes out, the oldest.
  void Exchange(Stream& stream, std::span<const Packet> packets);
  void Append(std::span<const Packet> packets);
  // Takes up to packets.size() of the oldest.
  std::size_t Take(std::span<Packet> packets);
  bool FlushIsDue() const;
  void Flush(Stream& stream);

  const NoisyOptions options_;
  const std::unique_ptr<BurstRewriter> rewriter_;
  const std::unique_ptr<volatile uint8_t[]> memory_;
  const std::size_t memory_lines_;
  uint64_t random_ = 0x9E3779B97F4A7C15;

  std::vector<Packet> fifo_;  // a ring; of fixed size
  std::size_t oldest_ = 0;
  std::size_t held_ = 0;
  std::chrono::steady_clock::time_point flush_time_;  // while it holds packets
  BurstBuffer received_;
  BurstBuffer leaving_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_NOISY_ENGINE_H_
