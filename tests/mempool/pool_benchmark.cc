// SPDX-License-Identifier: Apache-2.0
// Pool against rte_mempool: bulk get and put on one core, and get on one core with put on another.
//
//   bazel run //tests/mempool:pool_benchmark -- --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
//
// Needs DPDK (package libdpdk-dev), two CPUs, and no other work on them. Both sides hold 32768 objects of 2 KiB with a cache of 256; Pool
// hands out frame numbers, rte_mempool pointers, which is what their drivers take. A figure is ns a frame; 32 frames a call.
#include <benchmark/benchmark.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "lcore/affinity.h"
#include "lcore/core_set.h"
#include "mempool/pool.h"
#include "mempool/spsc_ring.h"

namespace pollux::mempool {
namespace {

constexpr unsigned kObjects = 32768;
constexpr unsigned kObjectBytes = 2048;
constexpr unsigned kCache = 256;
constexpr std::size_t kBurst = 32;

// What the two pools have in common for the scenarios below.
struct OurPool {
  using Object = FrameNumber;

  OurPool() {
    const PoolOptions options{.frame_count = kObjects, .frame_size = kObjectBytes, .slab_frames = kCache};
    auto region = Region::Create({.bytes = *RegionBytes(options), .pages = PageKind::kOrdinary});
    pool = *Pool::Create(*std::move(region), options);
  }
  bool Get(std::array<Object, kBurst>& objects) { return pool->Get(objects) == kBurst; }
  void Put(const std::array<Object, kBurst>& objects) { pool->Put(objects); }

  std::shared_ptr<Pool> pool;
};

struct RtePool {
  using Object = void*;

  RtePool() {
    static int number = 0;
    const std::string name = "pool" + std::to_string(number++);
    pool = rte_mempool_create(name.c_str(), kObjects, kObjectBytes, kCache, 0, nullptr, nullptr, nullptr, nullptr, SOCKET_ID_ANY, 0);
    if (pool == nullptr) {
      std::fprintf(stderr, "rte_mempool_create: %s\n", rte_strerror(rte_errno));
      std::exit(1);
    }
  }
  ~RtePool() { rte_mempool_free(pool); }
  bool Get(std::array<Object, kBurst>& objects) { return rte_mempool_get_bulk(pool, objects.data(), kBurst) == 0; }
  void Put(const std::array<Object, kBurst>& objects) { rte_mempool_put_bulk(pool, objects.data(), kBurst); }

  rte_mempool* pool;
};

void PinTo(const char* cpu) {
  const auto set = lcore::CoreSet::Parse(cpu);
  if (!set.ok() || !lcore::PinThisThread(*set).ok())
    std::fprintf(stderr, "cannot run on CPU %s alone: the figures are not to be trusted\n", cpu);
}

template <typename SomePool>
void BulkOnOneCore(benchmark::State& state) {
  SomePool pool;
  std::array<typename SomePool::Object, kBurst> objects;
  for (auto _ : state) {
    if (!pool.Get(objects)) state.SkipWithError("the pool is empty");
    benchmark::DoNotOptimize(objects);
    pool.Put(objects);
  }
  state.SetItemsProcessed(state.iterations() * kBurst);
}

// The benchmark's thread gets and passes on, the other one returns.
template <typename SomePool>
void GetHerePutThere(benchmark::State& state) {
  using Burst = std::array<typename SomePool::Object, kBurst>;
  SomePool pool;
  SpscRing<Burst> ring(64);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    rte_thread_register();
    PinTo("1");
    Burst burst;
    while (!stop.load(std::memory_order_relaxed) || ring.size() > 0) {
      if (ring.Pop({&burst, 1}) == 1) pool.Put(burst);
    }
    rte_thread_unregister();
  });
  Burst burst;
  for (auto _ : state) {
    while (!pool.Get(burst)) {
    }
    while (ring.Push({&burst, 1}) == 0) {
    }
  }
  stop = true;
  other.join();
  state.SetItemsProcessed(state.iterations() * kBurst);
}

BENCHMARK(BulkOnOneCore<OurPool>)->Name("bulk32_one_core/pollux");
BENCHMARK(BulkOnOneCore<RtePool>)->Name("bulk32_one_core/rte_mempool");
BENCHMARK(GetHerePutThere<OurPool>)->Name("get_here_put_there/pollux")->UseRealTime();
BENCHMARK(GetHerePutThere<RtePool>)->Name("get_here_put_there/rte_mempool")->UseRealTime();

}  // namespace
}  // namespace pollux::mempool

int main(int argc, char** argv) {
  char name[] = "pool_benchmark", huge[] = "--no-huge", memory[] = "-m", amount[] = "512", pci[] = "--no-pci", cores[] = "-l", zero[] = "0",
       log[] = "--log-level=error", telemetry[] = "--no-telemetry";
  char* eal[] = {name, huge, memory, amount, pci, cores, zero, log, telemetry};
  if (rte_eal_init(static_cast<int>(std::size(eal)), eal) < 0) {
    std::fprintf(stderr, "rte_eal_init: %s\n", rte_strerror(rte_errno));
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  rte_eal_cleanup();
}
