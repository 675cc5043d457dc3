// SPDX-License-Identifier: Apache-2.0
// SpscRing against rte_ring with one producer and one consumer: one core puts and takes, and one core puts what another takes; 1, 8, 32
// and 64 pointers a call.
//
//   bazel run //tests/mempool:ring_benchmark -- --benchmark_repetitions=9 --benchmark_enable_random_interleaving=true
//
// Needs DPDK (package libdpdk-dev), two CPUs, and no other work on them. Both rings hold 1024 pointers.
#include <benchmark/benchmark.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>

#include "lcore/affinity.h"
#include "lcore/core_set.h"
#include "mempool/spsc_ring.h"

namespace pollux::mempool {
namespace {

constexpr unsigned kSlots = 1024;

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

void PinTo(const char* cpu) {
  const auto set = lcore::CoreSet::Parse(cpu);
  if (!set.ok() || !lcore::PinThisThread(*set).ok())
    std::fprintf(stderr, "cannot run on CPU %s alone: the figures are not to be trusted\n", cpu);
}

template <typename Ring>
void OneCore(benchmark::State& state) {
  Ring ring;
  std::array<void*, 64> objects = {};
  const std::span<void*> burst(objects.data(), static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(ring.Put(burst));
    benchmark::DoNotOptimize(ring.Take(burst));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// The benchmark's thread puts, the other one takes.
template <typename Ring>
void TwoCores(benchmark::State& state) {
  Ring ring;
  const auto burst_size = static_cast<std::size_t>(state.range(0));
  std::atomic<bool> stop{false};
  std::thread other([&] {
    PinTo("1");
    std::array<void*, 64> objects;
    while (!stop.load(std::memory_order_relaxed)) benchmark::DoNotOptimize(ring.Take({objects.data(), burst_size}));
  });
  std::array<void*, 64> objects = {};
  for (auto _ : state) {
    for (std::size_t put = 0; put < burst_size;) put += ring.Put({objects.data() + put, burst_size - put});
  }
  stop = true;
  other.join();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Bursts(benchmark::internal::Benchmark* benchmark) {
  for (int burst : {1, 8, 32, 64}) benchmark->Arg(burst);
}
BENCHMARK(OneCore<OurRing>)->Name("one_core/pollux")->Apply(Bursts);
BENCHMARK(OneCore<RteRing>)->Name("one_core/rte_ring")->Apply(Bursts);
BENCHMARK(TwoCores<OurRing>)->Name("two_cores/pollux")->Apply(Bursts)->UseRealTime();
BENCHMARK(TwoCores<RteRing>)->Name("two_cores/rte_ring")->Apply(Bursts)->UseRealTime();

}  // namespace
}  // namespace pollux::mempool

int main(int argc, char** argv) {
  char name[] = "ring_benchmark", huge[] = "--no-huge", memory[] = "-m", amount[] = "64", pci[] = "--no-pci", cores[] = "-l", zero[] = "0",
       log[] = "--log-level=error", telemetry[] = "--no-telemetry", configuration[] = "--no-shconf";
  char* eal[] = {name, huge, memory, amount, pci, cores, zero, log, telemetry, configuration};
  if (rte_eal_init(static_cast<int>(std::size(eal)), eal) < 0) {
    std::fprintf(stderr, "rte_eal_init: %s\n", rte_strerror(rte_errno));
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  rte_eal_cleanup();
}
