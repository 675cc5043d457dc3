// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/forward_engine.h"

#include <string>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "tools/testpmd/engines/checksum_rewriter.h"
#include "tools/testpmd/engines/forwarding_engines.h"
#include "tools/testpmd/engines/generator_engines.h"
#include "tools/testpmd/engines/icmp_echo_engine.h"
#include "tools/testpmd/engines/mac_rewriters.h"
#include "tools/testpmd/engines/noisy_engine.h"

namespace pollux::testpmd {
namespace {

constexpr ForwardMode kModes[] = {
    {.name = "io"},
    {.name = "mac"},
    {.name = "macswap"},
    {.name = "flowgen", .generates = true},
    {.name = "rxonly", .sends = false},
    {.name = "txonly", .receives = false, .generates = true},
    {.name = "csum"},
    {.name = "icmpecho", .replies = true},
    {.name = "noisy"},
    {.name = "5tswap"},
};

// Null for a mode that does not rewrite in place.
std::unique_ptr<BurstRewriter> MakeRewriter(absl::string_view mode) {
  if (mode == "mac") return std::make_unique<MacRewriter>();
  if (mode == "macswap") return std::make_unique<MacSwapRewriter>();
  if (mode == "5tswap") return std::make_unique<FiveTupleSwapRewriter>();
  if (mode == "csum") return std::make_unique<ChecksumRewriter>();
  return nullptr;
}

absl::StatusOr<std::unique_ptr<ForwardEngine>> MakeNoisy(const NoisyOptions& options) {
  const std::string& mode = options.forward_mode;
  if (mode != "io" && mode != "mac" && mode != "macswap" && mode != "5tswap") {
    return absl::InvalidArgumentError(absl::StrCat("--noisy-forward-mode=", mode, ": io, mac, macswap or 5tswap"));
  }
  return NoisyEngine::Make(options, MakeRewriter(mode));
}

absl::Status CheckStream(const ForwardMode& mode, const EngineOptions& options, const Stream& stream) {
  const std::string name = absl::StrCat("stream from port ", stream.rx_port, " queue ", stream.rx_queue, " to port ", stream.tx_port,
                                        " queue ", stream.tx_queue);
  if (stream.burst < 1 || stream.burst > mempool::kMaximumBurst) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": a burst of ", stream.burst, "; 1 to ", mempool::kMaximumBurst, " (--burst)"));
  }
  if (stream.scattered && mode.name == "noisy" && options.noisy.buffer_packets != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": --noisy-tx-sw-buffer-size holds packets of one frame, and there are longer ones (sg=off)"));
  }
  const char* missing = nullptr;
  if (mode.receives && stream.rx == nullptr) missing = "rx queue";
  if (mode.sends && stream.tx == nullptr) missing = "tx queue";
  if (mode.generates && stream.pool == nullptr) missing = "pool";
  if (missing == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": mode ", mode.name, " needs its ", missing));
}

}  // namespace

std::span<const ForwardMode> ForwardModes() {
  return kModes;
}

const ForwardMode* FindForwardMode(absl::string_view name) {
  for (const ForwardMode& mode : kModes) {
    if (mode.name == name) return &mode;
  }
  return nullptr;
}

absl::StatusOr<std::unique_ptr<ForwardEngine>> MakeForwardEngine(absl::string_view name, const EngineOptions& options,
                                                                 const Stream& stream) {
  const ForwardMode* mode = FindForwardMode(name);
  if (mode == nullptr) {
    const std::string names =
        absl::StrJoin(kModes, "|", [](std::string* out, const ForwardMode& each) { absl::StrAppend(out, each.name); });
    return absl::NotFoundError(absl::StrCat("forward mode \"", name, "\" (there are ", names, ")"));
  }
  if (absl::Status status = CheckStream(*mode, options, stream); !status.ok()) return status;
  if (name == "io") return std::make_unique<IoEngine>();
  if (name == "rxonly") return std::make_unique<RxOnlyEngine>();
  if (name == "txonly") return TxOnlyEngine::Make(options, stream);
  if (name == "flowgen") return FlowgenEngine::Make(options, stream);
  if (name == "icmpecho") return std::make_unique<IcmpEchoEngine>();
  if (name == "noisy") return MakeNoisy(options.noisy);
  return std::make_unique<RewriteEngine>(MakeRewriter(name));
}

}  // namespace pollux::testpmd
