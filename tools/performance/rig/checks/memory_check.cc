// SPDX-License-Identifier: Apache-2.0
// Measures what an injected packet costs by where it is: in the map that the program reads as its own, in ordinary memory, and in huge
// pages, of 64 and of 1500 bytes, at every depth from 1 to 1024, in turns. Without huge pages it says so and goes on.
//   bazel run //tools/performance/rig/checks:memory_check -- [ROUNDS [MILLISECONDS [CPU]]]      (as root)
#include <array>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "tools/performance/campaign/statistics.h"
#include "tools/performance/rig/checks/check_options.h"
#include "tools/performance/rig/checks/lane.h"

namespace pollux::performance {
namespace {

constexpr std::pair<const char*, LaneMemory> kMemories[] = {
    {"map", LaneMemory::kVisible}, {"ordinary", LaneMemory::kOrdinary}, {"huge", LaneMemory::kHuge}};

absl::Status Check(Receiver receiver, std::size_t frame_bytes, int rounds, double milliseconds) {
  std::vector<std::unique_ptr<Lane>> lanes;
  std::printf("receiver %s: ns a packet of %zu bytes, median of %d rounds of %.0f ms\n  depth", ReceiverName(receiver), frame_bytes, rounds,
              milliseconds);
  for (const auto& [name, memory] : kMemories) {
    auto lane = Lane::Open({.engine = "inject", .receiver = receiver, .memory = memory, .frame_bytes = frame_bytes});
    if (!lane.ok() && memory == LaneMemory::kHuge) {
      std::fprintf(stderr, "without huge pages: %s\n", lane.status().ToString().c_str());
      continue;
    }
    if (!lane.ok()) return lane.status();
    lanes.push_back(*std::move(lane));
    std::printf("  %8s", name);
  }
  std::printf("\n");
  for (const std::size_t depth : kDepths) {
    std::vector<std::vector<double>> ns(lanes.size());
    for (const auto& lane : lanes) lane->Send(depth, milliseconds);
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t turn = 0; turn < lanes.size(); ++turn) {
        const std::size_t which = (turn + static_cast<std::size_t>(round)) % lanes.size();
        ns[which].push_back(lanes[which]->NanosecondsAPacket(depth, milliseconds));
      }
    }
    std::printf("  %5zu", depth);
    for (const auto& figures : ns) std::printf("  %8.0f", SpreadOf(figures).median);
    std::printf("\n");
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
  const auto options = pollux::performance::TakeCheckOptions(count, words, {.rounds = 5, .length = 50});
  if (!options) return 2;
  for (const Receiver receiver : {Receiver::kXdp, Receiver::kStack}) {
    for (const std::size_t bytes : {64, 1500}) {
      const absl::Status status = pollux::performance::Check(receiver, bytes, options->rounds, options->length);
      if (status.ok()) continue;
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      return 1;
    }
  }
}
