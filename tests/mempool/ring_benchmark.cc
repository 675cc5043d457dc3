// SPDX-License-Identifier: Apache-2.0
// SpscRing against rte_ring with one producer and one consumer: one core puts and takes, and one core puts what another takes; 1
// to 256 pointers a call, which has the sizes of DPDK's own ring_perf_autotest. Both rings hold 1024 pointers. peer_benchmark.cc runs it.
#include <benchmark/benchmark.h>
#include <rte_errno.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "mempool/spsc_ring.h"
#include "tests/mempool/peer_benchmark.h"

namespace pollux::mempool {
namespace {

constexpr unsigned kSlots = 1024;
constexpr std::size_t kMaximumBurst = 256;

struct OurRing {
  std::size_t Put(std::span<void*> objects) { return ring.Push(objects); }
  std::size_t Take(std::span<void*> objects) { return ring.Pop(objects); }
  SpscRing<void*> ring{kSlots};
};

struct RteRing {
  RteRing() {
    static int number = 0;
    const std::string name = "ring" + std::to_string(number++);
    ring = rte_ring_create(name.c_str(), kSlots, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
    if (ring == nullptr) {
      std::fprintf(stderr, "rte_ring_create: %s\n", rte_strerror(rte_errno));
      std::exit(1);
    }
  }
  ~RteRing() { rte_ring_free(ring); }
  std::size_t Put(std::span<void*> objects) {
    return rte_ring_sp_enqueue_burst(ring, objects.data(), static_cast<unsigned>(objects.size()), nullptr);
  }
  std::size_t Take(std::span<void*> objects) {
    return rte_ring_sc_dequeue_burst(ring, objects.data(), static_cast<unsigned>(objects.size()), nullptr);
  }
  rte_ring* ring;
};

template <typename Ring>
void OneCore(benchmark::State& state) {
  Ring ring;
  std::array<void*, kMaximumBurst> objects = {};
  const std::span<void*> burst(objects.data(), static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(ring.Put(burst));
    benchmark::DoNotOptimize(ring.Take(burst));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

template <typename Ring>
struct alignas(kApart) Shared {
  Ring ring;
  alignas(kApart) std::atomic<bool> stop{false};
};

// The benchmark's thread puts, the other one takes.
template <typename Ring>
void TwoCores(benchmark::State& state) {
  const auto shared = std::make_unique<Shared<Ring>>();
  const auto burst_size = static_cast<std::size_t>(state.range(0));
  std::thread other = StartOther([shared = shared.get(), burst_size] {
    alignas(kApart) std::array<void*, kMaximumBurst> objects;
    while (!shared->stop.load(std::memory_order_relaxed)) benchmark::DoNotOptimize(shared->ring.Take({objects.data(), burst_size}));
  });
  alignas(kApart) std::array<void*, kMaximumBurst> objects = {};
  for (auto _ : state) {
    for (std::size_t put = 0; put < burst_size;) put += shared->ring.Put({objects.data() + put, burst_size - put});
  }
  shared->stop = true;
  other.join();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Bursts(benchmark::internal::Benchmark* benchmark) {
  for (int burst : {1, 8, 32, 64, 128, 256}) benchmark->Arg(burst);
}
BENCHMARK(OneCore<OurRing>)->Name("ring_one_core/pollux")->Apply(Bursts);
BENCHMARK(OneCore<RteRing>)->Name("ring_one_core/rte_ring")->Apply(Bursts);
BENCHMARK(TwoCores<OurRing>)->Name("ring_two_cores/pollux")->Apply(Bursts)->UseRealTime();
BENCHMARK(TwoCores<RteRing>)->Name("ring_two_cores/rte_ring")->Apply(Bursts)->UseRealTime();

}  // namespace
}  // namespace pollux::mempool
