// SPDX-License-Identifier: Apache-2.0
// Where a packet's length and pool are kept: in the handle (Packet), in an array by frame number, or in the frame's headroom.
//
//   bazel run //tests/mempool:metadata_benchmark
//   valgrind --tool=cachegrind bazel-bin/tests/mempool/metadata_benchmark --benchmark_filter=handle --benchmark_min_time=0.01
//
// A burst is received (metadata written), passed through a stage that does not know the other, and sent (metadata read), as
// 4096 frames come round in the order in which a fill ring hands them out. docs/decisions/0001-packet-by-value.md has the result.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <vector>

#include "mempool/packet.h"

namespace pollux::mempool {
namespace {

constexpr std::size_t kFrames = 4096;
constexpr std::size_t kFrameBytes = 2048;
constexpr std::size_t kBurst = 32;

struct Metadata {
  uint32_t length;
  uint16_t pool;
  uint16_t reserved;
  std::byte* data;
};
static_assert(sizeof(Metadata) == sizeof(Packet));

struct Frames {
  Frames() : memory(kFrames * kFrameBytes), order(kFrames), array(kFrames) {
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
  }
  uint32_t Next() { return order[next++ % kFrames]; }
  std::byte* Start(uint32_t frame) { return memory.data() + frame * kFrameBytes; }

  std::vector<std::byte> memory;
  std::vector<uint32_t> order;
  std::vector<Metadata> array;
  std::size_t next = 0;
};

void InTheHandle(benchmark::State& state) {
  Frames frames;
  std::array<Packet, kBurst> burst;
  uint64_t bytes = 0;
  for (auto _ : state) {
    for (Packet& packet : burst) packet = {.data = frames.Start(frames.Next()) + 256, .length = 64, .pool = 1};
    benchmark::DoNotOptimize(burst);
    for (const Packet& packet : burst) bytes += packet.length + packet.pool + (packet.data != nullptr);
  }
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(state.iterations() * kBurst);
}

// The burst holds what finds the metadata: the frame's number, or a pointer to it.
template <typename Handle, typename MakeHandle, typename MetadataOf>
void ByReference(benchmark::State& state, MakeHandle make, MetadataOf metadata_of) {
  Frames frames;
  std::array<Handle, kBurst> burst;
  uint64_t bytes = 0;
  for (auto _ : state) {
    for (Handle& handle : burst) {
      const uint32_t frame = frames.Next();
      handle = make(frames, frame);
      *metadata_of(frames, handle) = {.length = 64, .pool = 1, .reserved = 0, .data = frames.Start(frame) + 256};
    }
    benchmark::DoNotOptimize(burst);
    benchmark::ClobberMemory();
    for (const Handle& handle : burst) {
      const Metadata& metadata = *metadata_of(frames, handle);
      bytes += metadata.length + metadata.pool + (metadata.data != nullptr);
    }
  }
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(state.iterations() * kBurst);
}

void InAnArray(benchmark::State& state) {
  ByReference<uint32_t>(
      state, [](Frames&, uint32_t frame) { return frame; }, [](Frames& frames, uint32_t frame) { return &frames.array[frame]; });
}

void InTheHeadroom(benchmark::State& state) {
  ByReference<std::byte*>(
      state, [](Frames& frames, uint32_t frame) { return frames.Start(frame); },
      [](Frames&, std::byte* start) { return reinterpret_cast<Metadata*>(start); });
}

BENCHMARK(InTheHandle)->Name("handle");
BENCHMARK(InAnArray)->Name("array");
BENCHMARK(InTheHeadroom)->Name("headroom");

}  // namespace
}  // namespace pollux::mempool

BENCHMARK_MAIN();
