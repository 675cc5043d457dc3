// SPDX-License-Identifier: Apache-2.0
// The engines of io, rxonly and all modes that rewrite in place.
#ifndef TOOLS_TESTPMD_ENGINES_FORWARDING_ENGINES_H_
#define TOOLS_TESTPMD_ENGINES_FORWARDING_ENGINES_H_

#include <memory>
#include <span>
#include <utility>

#include "tools/testpmd/engines/burst.h"
#include "tools/testpmd/engines/burst_rewriter.h"
#include "tools/testpmd/engines/forward_engine.h"

namespace pollux::testpmd {

// Forwards packets as they are; no byte of theirs is read or written.
class IoEngine : public ForwardEngine {
 public:
  std::size_t Poll(Stream& stream) override;

 private:
  static std::size_t Forward(Stream& stream, std::span<Packet> packets);

  BurstBuffer buffer_;
};

// Forwards what a BurstRewriter makes of packets.
class RewriteEngine : public ForwardEngine {
 public:
  explicit RewriteEngine(std::unique_ptr<BurstRewriter> rewriter) : rewriter_(std::move(rewriter)) {}
  std::size_t Poll(Stream& stream) override;

 private:
  const std::unique_ptr<BurstRewriter> rewriter_;
  BurstBuffer buffer_;
};

// Receives and frees.
class RxOnlyEngine : public ForwardEngine {
 public:
  std::size_t Poll(Stream& stream) override;

 private:
  BurstBuffer buffer_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_FORWARDING_ENGINES_H_
