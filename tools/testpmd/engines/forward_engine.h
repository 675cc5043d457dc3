// SPDX-License-Identifier: Apache-2.0
// ForwardEngine: what a forward mode does with a burst.
#ifndef TOOLS_TESTPMD_ENGINES_FORWARD_ENGINE_H_
#define TOOLS_TESTPMD_ENGINES_FORWARD_ENGINE_H_

#include <cstddef>
#include <memory>
#include <span>

#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "mempool/frame_audit.h"
#include "tools/testpmd/engines/engine_options.h"
#include "tools/testpmd/engines/stream.h"

namespace pollux::testpmd {

// One instance a stream, with state of its own. Single-lcore: the lcore of its stream.
class ForwardEngine {
 public:
  virtual ~ForwardEngine() = default;

  // Receives (or generates) one burst and does what follows. Returns the packets it handled; 0: idle.
  virtual std::size_t Poll(Stream& stream) = 0;

  // Sends, or frees and counts, all that the engine still holds. Called once, after the last Poll, while the ports are
  // still started, by any one thread. An engine destroyed without it leaks what it holds.
  virtual void End(Stream& stream) {}

  // Packets that were received and neither sent nor freed yet. 0 after End.
  virtual std::size_t HeldPackets() const { return 0; }

  // Reports the frames of HeldPackets under `holder`. Only while nobody polls.
  virtual void CollectFrames(absl::string_view holder, mempool::FrameAudit& audit) const {}
};

// What a caller must know of a mode before it can lay out streams.
struct ForwardMode {
  absl::string_view name;  // "5tswap"
  bool receives = true;    // reads Stream::rx
  bool sends = true;       // uses Stream::tx
  bool generates = false;  // uses Stream::pool
  bool replies = false;    // sends back through the port it received from: tx_port == rx_port in its streams
};

// All modes, in the order in which DPDK lists them.
std::span<const ForwardMode> ForwardModes();
// Null if there is none of this name.
const ForwardMode* FindForwardMode(absl::string_view name);

// Errors: NOT_FOUND (mode; lists those that exist), INVALID_ARGUMENT (an option or a stream's member out of range, or a generated packet
// that does not fit a frame of the stream's pool; names the option and the limit), RESOURCE_EXHAUSTED (memory that noisy asked for).
absl::StatusOr<std::unique_ptr<ForwardEngine>> MakeForwardEngine(absl::string_view mode, const EngineOptions& options,
                                                                 const Stream& stream);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_ENGINES_FORWARD_ENGINE_H_
