// SPDX-License-Identifier: Apache-2.0
// What a packet costs in user space: received and sent in bursts through the AF_XDP queues, with a fake kernel on the other side.
//
//   bazel run //tests/pmd/af_xdp:burst_benchmark                            ns a packet, the fake kernel's share included
//   valgrind --tool=callgrind bazel-bin/tests/pmd/af_xdp/burst_benchmark --benchmark_filter=forward/32 --benchmark_min_time=0.01
//   callgrind_annotate callgrind.out.*                                      instructions by function: take ours, leave the fake's
#include <benchmark/benchmark.h>

#include <array>

#include "pmd/af_xdp/xsk_rx_queue.h"
#include "pmd/af_xdp/xsk_tx_queue.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr uint32_t kRing = 2048;

void Forward(benchmark::State& state) {
  const auto burst = static_cast<std::size_t>(state.range(0));
  const auto pool = support::MakePool({.frame_count = 16384});
  support::FakeKernel from(kRing), to(kRing);
  to.budget = kRing;
  XskRxQueue rx(pool, from);
  XskTxRing ring(pool, to);
  XskTxQueue tx(ring);
  rx.Open(3, from.fill.memory(), from.rx.memory(), FillLimits::Fixed(kRing));
  ring.Open(4, to.tx.memory(), to.completion.memory(), 1518, {});
  std::array<Packet, mempool::kMaximumBurst> packets;
  uint64_t forwarded = 0;
  for (auto _ : state) {
    for (std::size_t count = 0; count < burst; ++count) from.Receive(64);
    const std::size_t received = rx.Receive({packets.data(), burst});
    const std::size_t taken = tx.Send({packets.data(), received});
    if (taken < received) state.SkipWithError("the tx ring is full");
    forwarded += taken;
    to.sent.clear();
  }
  state.SetItemsProcessed(static_cast<int64_t>(forwarded));
  ring.Close();
  rx.Close();
}
BENCHMARK(Forward)->Name("forward")->Arg(1)->Arg(8)->Arg(32)->Arg(64)->Arg(256);

}  // namespace
}  // namespace pollux::pmd::af_xdp

BENCHMARK_MAIN();
