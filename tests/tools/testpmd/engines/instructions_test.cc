// SPDX-License-Identifier: Apache-2.0
// What io forwarding between two AF_XDP queues costs in user space, counted in instructions, which no load of the machine changes: the
// queues as a port with tx=auto has them, with a place for a tap. The bounds are what g++ 12 makes of today's code, and less than a tenth
// more: who needs more says here what for. tools/guest --instructions counts the same with real zero-copy ports, beside DPDK's testpmd.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "lcore/poll_loop.h"
#include "pmd/af_xdp/inject_tx_queue.h"
#include "pmd/af_xdp/xsk_rx_queue.h"
#include "pmd/af_xdp/xsk_tx_queue.h"
#include "pmd/tap/tapped_queues.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/instruction_counter.h"
#include "tests/support/pool_fixture.h"
#include "tools/testpmd/engines/forward_engine.h"

namespace pollux::testpmd {
namespace {

using pmd::af_xdp::FillLimits;
using support::FakeKernel;

constexpr uint32_t kRing = 2048;

// A system call of which only the caller's side counts.
class Calls final : public pmd::af_xdp::XskCalls {
 public:
  int WakeTx(int) override { return 0; }
  int WakeRx(int) override { return 0; }
};

// An injection that takes all, and is much dearer than the ring.
class Injection final : private std::vector<inject_block>, public bpf::Injection {
 public:
  explicit Injection(const mempool::Region& region)
      : vector(INJECT_BLOCKS), bpf::Injection(blocks_, state_, region.base(), region.size()) {}

  int Emit(inject_block& block, uint32_t) override {
    Prepare(block);
    for (const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(5); std::chrono::steady_clock::now() < end;) {
    }
    block.emitted = block.flushed = block.sent = block.count;
    return 0;
  }

 private:
  bpf::InjectBlocks blocks_{std::span<inject_block, INJECT_BLOCKS>(data(), INJECT_BLOCKS)};
  inject_state state_ = {};
};

class InstructionsTest : public testing::Test {
 protected:
  InstructionsTest() {
    rx_.Open(3, from_.fill.memory(), from_.rx.memory(), FillLimits::Following(*pool_, 0, kRing));
    ring_.Open(4, to_.tx.memory(), to_.completion.memory(), 1518, {});
    to_.budget = kRing;
    cheapest_.Open(&injection_, true, 0);
    stream_.rx = &tapped_rx_;
    stream_.tx = &tapped_tx_;
    engine_ = *MakeForwardEngine("io", {}, stream_);
  }
  ~InstructionsTest() override {
    cheapest_.Close();
    ring_.Close();
    rx_.Close();
  }

  void Forward(std::size_t packets) {
    for (std::size_t count = 0; count < packets; ++count) from_.Receive(64);
    EXPECT_EQ(engine_->Poll(stream_), packets);
  }
  void Complete() {
    to_.WakeTx(4);
    to_.sent.clear();
  }
  // Of one iteration of the loop of an lcore that has this stream alone; the fake kernel's part is not counted.
  double Iteration(std::size_t packets) {
    constexpr uint64_t kTimes = 64;
    const uint64_t instructions = support::CountInstructions([&](const support::InstructionCounter& counter) {
      lcore::PollLoopStats stats;
      const std::atomic<bool> stop{true};  // after one iteration
      for (uint64_t time = 0; time < kTimes; ++time) {
        for (std::size_t count = 0; count < packets; ++count) from_.Receive(64);
        counter.Begin();
        lcore::RunPollLoop(stop, stats, [&] { return engine_->Poll(stream_); });
        counter.End();
        if (packets > 0) Complete();
      }
      EXPECT_EQ(stats.packets.value(), packets * kTimes);
    });
    return static_cast<double>(instructions) / kTimes;
  }

  const std::shared_ptr<mempool::Pool> pool_ = support::MakePool({.frame_count = 16384});
  FakeKernel from_{kRing}, to_{kRing};
  Calls calls_;
  pmd::af_xdp::XskRxQueue rx_{pool_, calls_};
  pmd::af_xdp::XskTxRing ring_{pool_, calls_};
  pmd::af_xdp::XskTxQueue tx_{ring_};
  Injection injection_{pool_->region()};
  pmd::af_xdp::InjectTxQueue cheapest_{pool_, {&tx_, &ring_, &ring_.owner(0)}, pmd::af_xdp::InjectTxQueue::Policy::kCheapest};
  pmd::TappedRxQueue tapped_rx_{rx_};
  pmd::TappedTxQueue tapped_tx_{cheapest_};
  Stream stream_;
  std::unique_ptr<ForwardEngine> engine_;
};

void ExpectAtMost(double most, double instructions, const char* what) {
  std::printf("%.1f instructions: %s\n", instructions, what);
  EXPECT_LE(instructions, most) << what;
}

TEST_F(InstructionsTest, APacketInFullBursts) {
  for (int burst = 0; burst < 200; ++burst) Forward(32), Complete();
  ExpectAtMost(93, Iteration(32) / 32, "a packet in bursts of 32");
}

TEST_F(InstructionsTest, APacketAlone) {
  for (int burst = 0; burst < 200; ++burst) Forward(1), Complete();
  ExpectAtMost(905, Iteration(1), "a packet that comes alone");
}

TEST_F(InstructionsTest, AnEmptyPoll) {
  Forward(32);
  Complete();
  Forward(0);
  ASSERT_EQ(ring_.outstanding(), 0u);
  ExpectAtMost(166, Iteration(0), "a poll that finds nothing");
}

// A zero-copy driver takes its time to complete what it has sent.
TEST_F(InstructionsTest, AnEmptyPollWhilePacketsAreWithTheKernel) {
  Forward(32);
  to_.tx.SetNeedsWakeup(false);
  ASSERT_NE(ring_.outstanding(), 0u);
  ExpectAtMost(224, Iteration(0), "a poll that finds nothing while packets are with the kernel");
}

}  // namespace
}  // namespace pollux::testpmd
