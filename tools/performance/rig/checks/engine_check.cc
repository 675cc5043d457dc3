// SPDX-License-Identifier: Apache-2.0
// Measures the transmit engines burst by burst: what a packet costs through the ring, injected, and with tx=auto, at every depth from 1
// to 1024, and how long auto takes to find the better one. Each has a veth of its own, and they take turns.
//   bazel run //tools/performance/rig/checks:engine_check -- [ROUNDS [MILLISECONDS [CPU]]]      (as root)
#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "tools/performance/campaign/statistics.h"
#include "tools/performance/rig/checks/check_options.h"
#include "tools/performance/rig/checks/lane.h"

namespace pollux::performance {
namespace {

constexpr std::array<const char*, 3> kEngines = {"ring", "inject", "auto"};
constexpr std::size_t kFrameBytes = 64;

absl::Status Check(Receiver receiver, int rounds, double milliseconds) {
  std::array<std::unique_ptr<Lane>, kEngines.size()> lanes;
  for (std::size_t engine = 0; engine < kEngines.size(); ++engine) {
    auto lane = Lane::Open({.engine = kEngines[engine], .receiver = receiver, .frame_bytes = kFrameBytes});
    if (!lane.ok()) return lane.status();
    lanes[engine] = *std::move(lane);
  }
  std::printf("receiver %s: ns a packet of %zu bytes, median of %d rounds of %.0f ms\n  %5s  %8s %8s %8s  %8s  %s\n",
              ReceiverName(receiver), kFrameBytes, rounds, milliseconds, "depth", kEngines[0], kEngines[1], kEngines[2], "injected",
              "auto / better: median (lowest to highest)");
  for (const std::size_t depth : kDepths) {
    std::array<std::vector<double>, kEngines.size()> ns;
    std::vector<double> better;
    for (std::size_t engine = 0; engine < kEngines.size(); ++engine)
      lanes[engine]->NanosecondsAPacket(depth, milliseconds);  // auto learns here
    Lane& automatic = *lanes.back();
    const uint64_t sent_before = automatic.device().Stats().tx_packets, injected_before = automatic.Injected();
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t turn = 0; turn < kEngines.size(); ++turn) {
        const std::size_t engine = (turn + static_cast<std::size_t>(round)) % kEngines.size();  // each comes behind each
        ns[engine].push_back(lanes[engine]->NanosecondsAPacket(depth, milliseconds));
      }
    }
    const std::size_t best = SpreadOf(ns[1]).median < SpreadOf(ns[0]).median;
    const Spread ratio = RatioOf(ns[2], ns[best]);
    const auto sent = static_cast<double>(automatic.device().Stats().tx_packets - sent_before);
    const double injected = sent > 0 ? static_cast<double>(automatic.Injected() - injected_before) * 100 / sent : 0;
    std::printf("  %5zu  %8.0f %8.0f %8.0f  %7.1f%%  %.3f (%.3f to %.3f) %s\n", depth, SpreadOf(ns[0]).median, SpreadOf(ns[1]).median,
                SpreadOf(ns[2]).median, injected, ratio.median, ratio.minimum, ratio.maximum, kEngines[best]);
    std::fflush(stdout);
  }
  for (const auto& lane : lanes) {
    if (absl::Status status = lane->device().Stop(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace pollux::performance

int main(int count, char** words) {
  using pollux::performance::Receiver;
  const auto options = pollux::performance::TakeCheckOptions(count, words, {.rounds = 9, .length = 50});
  if (!options) return 2;
  for (const Receiver receiver : {Receiver::kXdp, Receiver::kStack}) {
    const absl::Status status = pollux::performance::Check(receiver, options->rounds, options->length);
    if (status.ok()) continue;
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
}
