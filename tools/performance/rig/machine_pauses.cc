// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/machine_pauses.h"

#include <time.h>

#include <thread>

#include <absl/strings/str_format.h>

#include "lcore/affinity.h"

namespace pollux::performance {
namespace {

constexpr uint64_t kLongPause_ns = 100000;

uint64_t Now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

absl::Status Spin(int cpu, double seconds, HistogramCounter* gap_ns) {
  lcore::CoreSet cpus;
  cpus.Add(static_cast<unsigned>(cpu));
  if (absl::Status status = lcore::PinThisThread(cpus); !status.ok()) return status;
  uint64_t last_ns = Now_ns();
  const uint64_t end_ns = last_ns + static_cast<uint64_t>(seconds * 1e9);
  while (last_ns < end_ns) {
    const uint64_t now_ns = Now_ns();
    gap_ns->Add(now_ns - last_ns);
    last_ns = now_ns;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Histogram> MeasureMachinePauses(int cpu, double seconds) {
  HistogramCounter gap_ns;
  absl::Status status;
  // A thread of its own: the caller's affinity stays as it is.
  std::thread([&] { status = Spin(cpu, seconds, &gap_ns); }).join();
  if (!status.ok()) return status;
  return gap_ns.Read();
}

std::string DescribePauses(const Histogram& gap_ns, double seconds) {
  return absl::StrFormat("%d over 100 us in %.1f s, longest %.0f us", gap_ns.CountAbove(kLongPause_ns), seconds,
                         static_cast<double>(gap_ns.Maximum()) / 1e3);
}

}  // namespace pollux::performance
