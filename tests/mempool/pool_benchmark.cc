// SPDX-License-Identifier: Apache-2.0
// Pool against rte_mempool: bulk get and put on one core, and get on one core with put on another. peer_benchmark.cc runs it.
//
// Between the cores objects travel in a ring of 8 bytes each on both sides, so that it is the pools that are compared.
//
// Both sides hold 32768 objects of 2 KiB with a cache of 256; Pool hands out frame numbers, rte_mempool pointers, which is what their
// drivers take. Bulks are those of DPDK's own mempool_perf_autotest (1, 4, 32, 128, 512) and more between them.
#include <benchmark/benchmark.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "mempool/pool.h"
#include "mempool/spsc_ring.h"
#include "tests/mempool/peer_benchmark.h"

namespace pollux::mempool {
namespace {

constexpr unsigned kObjects = 32768;
constexpr unsigned kObjectBytes = 2048;
constexpr unsigned kCache = 256;
constexpr std::size_t kMaximumBulk = 512;

// What the two pools have in common for the scenarios below.
struct OurPool {
  using Object = FrameNumber;

  OurPool() {
    const PoolOptions options{.frame_count = kObjects, .frame_size = kObjectBytes, .slab_frames = kCache};
    auto region = Region::Create({.bytes = *RegionBytes(options), .pages = PageKind::kOrdinary});
    pool = *Pool::Create(*std::move(region), options);
  }
  bool Get(std::span<Object> objects) { return pool->Get(objects) == objects.size(); }
  void Put(std::span<const Object> objects) { pool->Put(objects); }

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
  bool Get(std::span<Object> objects) { return rte_mempool_get_bulk(pool, objects.data(), static_cast<unsigned>(objects.size())) == 0; }
  void Put(std::span<const Object> objects) { rte_mempool_put_bulk(pool, objects.data(), static_cast<unsigned>(objects.size())); }

  rte_mempool* pool;
};

template <typename SomePool>
void OneCore(benchmark::State& state) {
  SomePool pool;
  std::array<typename SomePool::Object, kMaximumBulk> objects;
  const std::span bulk(objects.data(), static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    if (!pool.Get(bulk)) state.SkipWithError("the pool is empty");
    benchmark::DoNotOptimize(objects);
    pool.Put(bulk);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

template <typename SomePool>
struct alignas(kApart) Shared {
  SomePool pool;
  SpscRing<uint64_t> ring{2048};
  alignas(kApart) std::atomic<bool> stop{false};
};

// The benchmark's thread gets and passes on, the other one returns.
template <typename SomePool>
void TwoCores(benchmark::State& state) {
  using Object = typename SomePool::Object;
  const auto bulk_size = static_cast<std::size_t>(state.range(0));
  const auto shared = std::make_unique<Shared<SomePool>>();
  std::thread other = StartOther([shared = shared.get(), bulk_size] {
    rte_thread_register();
    alignas(kApart) std::array<uint64_t, kMaximumBulk> passed;
    alignas(kApart) std::array<Object, kMaximumBulk> objects;
    while (!shared->stop.load(std::memory_order_relaxed) || shared->ring.size() > 0) {
      const std::size_t count = shared->ring.Pop({passed.data(), bulk_size});
      if (count == 0) continue;
      for (std::size_t index = 0; index < count; ++index) objects[index] = (Object)passed[index];
      shared->pool.Put({objects.data(), count});
    }
    rte_thread_unregister();
  });
  alignas(kApart) std::array<uint64_t, kMaximumBulk> passed;
  alignas(kApart) std::array<Object, kMaximumBulk> objects;
  for (auto _ : state) {
    while (!shared->pool.Get({objects.data(), bulk_size})) {
    }
    for (std::size_t index = 0; index < bulk_size; ++index) passed[index] = (uint64_t)objects[index];
    for (std::size_t done = 0; done < bulk_size;) done += shared->ring.Push({passed.data() + done, bulk_size - done});
  }
  shared->stop = true;
  other.join();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void Bulks(benchmark::internal::Benchmark* benchmark) {
  for (int bulk : {1, 4, 8, 32, 64, 128, 256, 512}) benchmark->Arg(bulk);
}
BENCHMARK(OneCore<OurPool>)->Name("pool_one_core/pollux")->Apply(Bulks);
BENCHMARK(OneCore<RtePool>)->Name("pool_one_core/rte_mempool")->Apply(Bulks);
BENCHMARK(TwoCores<OurPool>)->Name("pool_get_here_put_there/pollux")->Apply(Bulks)->UseRealTime();
BENCHMARK(TwoCores<RtePool>)->Name("pool_get_here_put_there/rte_mempool")->Apply(Bulks)->UseRealTime();

}  // namespace
}  // namespace pollux::mempool
