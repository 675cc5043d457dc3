// SPDX-License-Identifier: Apache-2.0
#include "lcore/cycle_clock.h"

#include <algorithm>
#include <limits>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pollux::lcore {
namespace {

// The two clocks at one moment.
struct ClockPair {
  uint64_t cycles = 0;
  uint64_t nanoseconds = 0;
};

// Reads nanoseconds between two readings of cycles, several times, and keeps the tightest: a thread that was preempted in between, or
// missed the cache the first time, does not get through.
ClockPair ReadBoth(const CycleClockSource& source) {
  constexpr int kTries = 5;
  ClockPair best;
  uint64_t tightest = std::numeric_limits<uint64_t>::max();
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = source.cycles();
    const uint64_t nanoseconds = source.nanoseconds();
    const uint64_t width = source.cycles() - before;
    if (width >= tightest) continue;
    tightest = width;
    best = {before + width / 2, nanoseconds};
  }
  return best;
}

}  // namespace

uint64_t MeasureCyclesPerSecond(const CycleClockSource& source, uint64_t duration_us) {
  const ClockPair start = ReadBoth(source);
  const uint64_t duration_ns = std::max<uint64_t>(duration_us, 1) * 1000;
  while (source.nanoseconds() - start.nanoseconds < duration_ns) CpuRelax();
  const ClockPair end = ReadBoth(source);
  const unsigned __int128 cycles = end.cycles - start.cycles;
  const uint64_t nanoseconds = end.nanoseconds - start.nanoseconds;
  return static_cast<uint64_t>((cycles * 1'000'000'000 + nanoseconds / 2) / nanoseconds);
}

uint64_t CyclesPerSecond() {
  static const uint64_t cycles_per_second = MeasureCyclesPerSecond(CycleClockSource{}, 10'000);
  return cycles_per_second;
}

bool CyclesAreSteady() {
#if defined(__x86_64__)
  constexpr unsigned kPowerManagementLeaf = 0x80000007;
  constexpr unsigned kInvariantTsc = 1u << 8;  // in edx
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(kPowerManagementLeaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & kInvariantTsc) != 0;
#else
  return true;
#endif
}

uint64_t CyclesToNanoseconds(uint64_t cycles, uint64_t cycles_per_second) {
  return static_cast<uint64_t>((static_cast<unsigned __int128>(cycles) * 1'000'000'000 + cycles_per_second / 2) / cycles_per_second);
}

}  // namespace pollux::lcore
