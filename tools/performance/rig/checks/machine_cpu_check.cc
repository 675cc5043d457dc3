// SPDX-License-Identifier: Apache-2.0
// Measures what a packet costs the whole machine, the kernel's own threads included, through the ring and with tx=auto, at every depth:
// CPU time of all CPUs while bursts are sent, and until what they left behind is cleared away. In turns; fails where auto costs more than
// 1.05 of the ring. For a machine with nothing else to do: the CPU time of others counts.
//   bazel run //tools/performance/rig/checks:machine_cpu_check -- [ROUNDS [SECONDS [CPU]]]      (as root)
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "tools/performance/campaign/statistics.h"
#include "tools/performance/rig/checks/check_options.h"
#include "tools/performance/rig/checks/lane.h"
#include "tools/performance/rig/cpu_usage.h"

namespace pollux::performance {
namespace {

constexpr std::array<const char*, 2> kEngines = {"ring", "auto"};
constexpr double kMost = 1.05;
// A page pool that outlived its call is looked at again after a second.
constexpr std::chrono::milliseconds kClearing(1200);

double BusySeconds() {
  double busy_s = 0;
  for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); ++cpu) {
    if (const auto times = ReadCpuTimes(cpu); times.ok()) busy_s += times->user_s + times->system_s + times->softirq_s + times->interrupt_s;
  }
  return busy_s;
}

// False: a bound was not kept.
absl::StatusOr<bool> Check(Receiver receiver, int rounds, double seconds) {
  std::array<std::unique_ptr<Lane>, kEngines.size()> lanes;
  for (std::size_t engine = 0; engine < kEngines.size(); ++engine) {
    auto lane = Lane::Open({.engine = kEngines[engine], .receiver = receiver});
    if (!lane.ok()) return lane.status();
    lanes[engine] = *std::move(lane);
  }
  std::printf(
      "receiver %s: ns of CPU time of the whole machine for each packet of 64 bytes, median of %d rounds of %.1f s\n"
      "  depth      ring      auto  auto / ring: median (lowest to highest)\n",
      ReceiverName(receiver), rounds, seconds);
  bool kept = true;
  for (const std::size_t depth : kDepths) {
    std::array<std::vector<double>, kEngines.size()> ns;
    for (const auto& lane : lanes) lane->Send(depth, 200);  // auto learns here
    std::this_thread::sleep_for(kClearing);
    for (int round = 0; round < rounds; ++round) {
      for (std::size_t turn = 0; turn < lanes.size(); ++turn) {
        const std::size_t engine = (turn + static_cast<std::size_t>(round)) % lanes.size();
        const double before_s = BusySeconds();
        const uint64_t sent = lanes[engine]->Send(depth, seconds * 1e3);
        std::this_thread::sleep_for(kClearing);
        ns[engine].push_back((BusySeconds() - before_s) * 1e9 / static_cast<double>(sent > 0 ? sent : 1));
      }
    }
    const Spread ratio = RatioOf(ns[1], ns[0]);
    std::printf("  %5zu  %8.0f  %8.0f  %.3f (%.3f to %.3f)%s\n", depth, SpreadOf(ns[0]).median, SpreadOf(ns[1]).median, ratio.median,
                ratio.minimum, ratio.maximum, ratio.median > kMost ? "  FAILED: more than 1.05" : "");
    std::fflush(stdout);
    kept &= ratio.median <= kMost;
  }
  for (const auto& lane : lanes) {
    if (absl::Status status = lane->device().Stop(); !status.ok()) return status;
  }
  return kept;
}

}  // namespace
}  // namespace pollux::performance

int main(int count, char** words) {
  using pollux::performance::Receiver;
  const auto options = pollux::performance::TakeCheckOptions(count, words, {.rounds = 5, .length = 2, .unit = "SECONDS"});
  if (!options) return 2;
  bool kept = true;
  for (const Receiver receiver : {Receiver::kXdp, Receiver::kStack}) {
    const auto checked = pollux::performance::Check(receiver, options->rounds, options->length);
    if (!checked.ok()) {
      std::fprintf(stderr, "%s\n", checked.status().ToString().c_str());
      return 2;
    }
    kept &= *checked;
  }
  return kept ? 0 : 1;
}
