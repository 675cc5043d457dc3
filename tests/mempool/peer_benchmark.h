// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_MEMPOOL_PEER_BENCHMARK_H_
#define TESTS_MEMPOOL_PEER_BENCHMARK_H_

#include <cstddef>
#include <thread>
#include <utility>

namespace pollux::mempool {

// Moves the calling thread to a CPU, and says so if it cannot.
void PinTo(const char* cpu);

// What both threads of a benchmark use lies in one object of this alignment, on the heap, and what one of them writes in arrays of the
// same: else the compiler's choice of places on a stack decides whether they share a line, and the figure is that of the benchmark.
inline constexpr std::size_t kApart = 128;

// Starts a thread on the second CPU; the caller stays on the first. It is created from there, so that it is where it belongs from its first
// instruction on, also under a real-time policy (chrt -f), where it would not get to move away from a spinning creator.
template <typename Work>
std::thread StartOther(Work work) {
  PinTo("1");
  std::thread other(std::move(work));
  PinTo("0");
  return other;
}

}  // namespace pollux::mempool

#endif  // TESTS_MEMPOOL_PEER_BENCHMARK_H_
