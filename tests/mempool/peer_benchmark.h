// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_MEMPOOL_PEER_BENCHMARK_H_
#define TESTS_MEMPOOL_PEER_BENCHMARK_H_

namespace pollux::mempool {

// Moves the calling thread to a CPU, and says so if it cannot.
void PinTo(const char* cpu);

}  // namespace pollux::mempool

#endif  // TESTS_MEMPOOL_PEER_BENCHMARK_H_
