// SPDX-License-Identifier: Apache-2.0
// The cheapest clock of the machine, and how fast it runs.
#ifndef LCORE_CYCLE_CLOCK_H_
#define LCORE_CYCLE_CLOCK_H_

#include <cstdint>
#include <ctime>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace pollux::lcore {

// CLOCK_MONOTONIC in nanoseconds.
inline uint64_t MonotonicNanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

// Returns the time stamp counter: on x86-64 rdtsc (some 20-40 cycles, not ordered with the instructions around it, which a poll loop does
// not need), on arm64 cntvct_el0, elsewhere nanoseconds. Compare readings of one core, or differences.
inline uint64_t ReadCycles() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return MonotonicNanoseconds();
#endif
}

// Tells the core that this is a spin-wait: lets an SMT sibling run and saves power.
inline void CpuRelax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Where calibration reads time from; tests bring their own.
struct CycleClockSource {
  uint64_t (*cycles)() = &ReadCycles;
  uint64_t (*nanoseconds)() = &MonotonicNanoseconds;
};

// Returns cycles a second, measured by spinning for at least `duration_us` on the clocks of `source`. Each end is the tightest of several
// readings of both clocks, so that a preemption between the two does not count; what is left is some 10 millionths after 10 ms.
uint64_t MeasureCyclesPerSecond(const CycleClockSource& source, uint64_t duration_us);

// The same of this machine: measured at the first call in 10 ms, then remembered. Any thread.
uint64_t CyclesPerSecond();

// Whether the counter runs at one rate in every power state (x86: the invariant TSC bit; elsewhere always), so that cycles are a measure
// of time.
bool CyclesAreSteady();

// Converts a number of cycles, rounded to the nearest; exact also where cycles times 10^9 would overflow.
uint64_t CyclesToNanoseconds(uint64_t cycles, uint64_t cycles_per_second);

}  // namespace pollux::lcore

#endif  // LCORE_CYCLE_CLOCK_H_
