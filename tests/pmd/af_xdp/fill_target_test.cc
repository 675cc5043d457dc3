// SPDX-License-Identifier: Apache-2.0
// Rx queues that follow their load, against kernels and a clock that a test moves.
#include "pmd/af_xdp/fill_target.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "pmd/af_xdp/xsk_rx_queue.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;

constexpr uint32_t kRing = 8192;
constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

// One port: a kernel and the queue that serves it.
struct Port {
  explicit Port(const std::shared_ptr<Pool>& pool) : kernel(kRing), queue(pool, kernel), pool(pool) {
    const FillLimits limits = FillLimits::Following(*pool, 0, kRing);
    opened = queue.Open(3, kernel.fill.memory(), kernel.rx.memory(), limits) == limits.fewest;
  }
  ~Port() {
    queue.Discard();
    queue.Close();
  }
  // Packets at `rate` (a second) for `ns`; the lcore comes by every `poll_ns`, takes all there is, and frees it. Returns how many were
  // lost.
  uint64_t Run(uint64_t rate, uint64_t ns, uint64_t poll_ns = 20 * kMicrosecond) {
    const uint64_t end = kernel.now_ns + ns;
    uint64_t lost = 0;
    while (kernel.now_ns < end) {
      lost += Arrive(rate, poll_ns);
      Poll();
    }
    return lost;
  }
  // Nobody polls.
  uint64_t Stall(uint64_t rate, uint64_t ns) { return Arrive(rate, ns); }
  void Poll() {
    std::array<Packet, 64> packets;
    while (const std::size_t count = queue.Receive(packets)) Pool::Free({packets.data(), count});
  }
  // As many polls as an idle lcore makes until the next look at the clock.
  void Idle(uint64_t ns) {
    kernel.now_ns += ns;
    for (int count = 0; count < 1100; ++count) Poll();
  }
  uint32_t held() const { return static_cast<uint32_t>(queue.outstanding()); }

  support::FakeKernel kernel;
  XskRxQueue queue;
  std::shared_ptr<Pool> pool;
  bool opened = false;

 private:
  uint64_t Arrive(uint64_t rate, uint64_t ns) {
    kernel.now_ns += ns;
    owed += rate * ns;
    uint64_t lost = 0;
    for (; owed >= kSecond; owed -= kSecond) lost += !kernel.Receive(64);
    return lost;
  }
  uint64_t owed = 0;  // packets times a second
};

std::shared_ptr<Pool> LargePool() {
  return support::MakePool({.frame_count = 65536, .slab_frames = 64});
}

TEST(FillTarget, ABusyQueueLosesNothingInAStallOfTwoMilliseconds) {
  Port port(LargePool());
  ASSERT_TRUE(port.opened);
  for (const uint64_t rate : {100'000ull, 1'000'000ull, 3'000'000ull}) {
    // It has carried this for ten milliseconds.
    EXPECT_EQ(port.Run(rate, 10 * kMillisecond), 0u) << rate;
    for (int stall = 0; stall < 5; ++stall) {
      EXPECT_EQ(port.Stall(rate, 2 * kMillisecond), 0u) << rate << " packets a second, stall " << stall;
      port.Poll();
      EXPECT_EQ(port.Run(rate, kMillisecond), 0u);
    }
  }
  EXPECT_EQ(port.kernel.fill_ring_empty + port.kernel.rx_ring_full, 0);
  EXPECT_EQ(port.queue.counters().no_frame.value(), 0u);
}

TEST(FillTarget, FramesFollowTheLoadUpAndDown) {
  Port port(LargePool());
  const uint32_t quiet = port.held();
  EXPECT_EQ(quiet, 1024u) << "a pool that nobody uses";
  port.Run(1000, kSecond);
  EXPECT_LE(port.held(), quiet) << "a quiet port never holds much";
  port.Run(3'000'000, 10 * kMillisecond);
  EXPECT_GE(port.held(), 6000u);
  // A quarter of the rate is no reason yet to let go, nor is a pause.
  port.Run(750'000, 100 * kMillisecond);
  EXPECT_GE(port.held(), 6000u);
  port.Idle(kSecond / 2);
  port.Run(3'000'000, 10 * kMillisecond);
  EXPECT_GE(port.held(), 6000u);
  // What it has too much goes with the packets that still come.
  for (int second = 0; second < 6; ++second) port.Idle(kSecond + kMillisecond);
  port.Run(1000, 8 * kSecond, kMillisecond);
  EXPECT_LE(port.held(), quiet);
  EXPECT_GE(port.held(), quiet / 2);
}

TEST(FillTarget, TwoHundredPortsFitIntoOnePool) {
  const auto pool = LargePool();
  std::vector<std::unique_ptr<Port>> ports;
  for (int count = 0; count < 200; ++count) {
    ports.push_back(std::make_unique<Port>(pool));
    ASSERT_TRUE(ports.back()->opened) << count;
    ASSERT_GE(ports.back()->held(), FillLimits::kSmallest);
  }
  EXPECT_GE(pool->DepotCount(), 65536u / 4) << "what the next ones grow into";
  // Each has its turn of load; then all are quiet. Nobody loses a packet, and nobody's fill ring runs empty.
  for (std::size_t busy = 0; busy < ports.size(); ++busy) {
    ports[busy]->Run(1'000'000, 20 * kMillisecond);
    for (auto& port : ports) {
      ASSERT_EQ(port->Run(100'000, 100 * kMicrosecond), 0u);
      ASSERT_GE(port->kernel.fill.waiting(), FillLimits::kSmallest / 2);
    }
  }
  for (auto& port : ports) EXPECT_EQ(port->queue.counters().no_frame.value(), 0u);
  EXPECT_GE(pool->DepotCount(), 65536u / 16) << "the last frames are nobody's";
}

// All ports at once want more than there is: they share, and the pool is not emptied.
TEST(FillTarget, ManyBusyPortsLeaveTheReserveAlone) {
  const auto pool = LargePool();
  std::vector<std::unique_ptr<Port>> ports;
  for (int count = 0; count < 64; ++count) ports.push_back(std::make_unique<Port>(pool));
  for (int round = 0; round < 500; ++round) {
    for (auto& port : ports) ASSERT_EQ(port->Run(3'000'000, 20 * kMicrosecond), 0u);
  }
  EXPECT_GE(pool->DepotCount(), 65536u / 16);
  for (auto& port : ports) EXPECT_EQ(port->queue.counters().no_frame.value(), 0u);
  // An application hoards: the busy ones shrink, so that each still has some.
  std::vector<Packet> hoard(pool->DepotCount() - 512);
  hoard.resize(pool->Allocate(hoard));
  for (int round = 0; round < 500; ++round) {
    for (auto& port : ports) ASSERT_EQ(port->Run(500'000, 40 * kMicrosecond), 0u);
  }
  EXPECT_GE(pool->DepotCount(), 65536u / 64) << "they gave back";
  Pool::Free(hoard);
  Port late(pool);
  EXPECT_TRUE(late.opened);
  EXPECT_EQ(late.Run(100'000, 10 * kMillisecond), 0u);
}

TEST(FillTarget, ADeviceWithARingOfItsOwnHasThatMuchMore) {
  const auto pool = LargePool();
  EXPECT_EQ(FillLimits::Following(*pool, 512, 16384).fewest, 1024u + 512);
  EXPECT_EQ(FillLimits::Following(*pool, 512, 16384).smallest, 64u + 512);
  EXPECT_EQ(FillLimits::Following(*pool, 4096, 2048).smallest, 2048u);
}

TEST(FillTarget, AQueueThatIsLeftAloneHasFramesForTheWake) {
  const auto pool = support::MakePool({.frame_count = 32768});
  FillTarget target;
  target.Open({.smallest = 64, .fewest = 256, .most = kRing}, 0);
  target.Expect(*pool);
  EXPECT_EQ(target.frames(), FillLimits::kLargestStart);
  // Not from a pool that others need.
  const auto small = support::MakePool({.frame_count = 1024});
  target.Open({.smallest = 64, .fewest = 256, .most = kRing}, 0);
  target.Expect(*small);
  EXPECT_EQ(target.frames(), 256u);
}

TEST(FillTarget, AFixedTargetStays) {
  const auto pool = LargePool();
  FillTarget target;
  target.Open(FillLimits::Fixed(512), 0);
  for (uint64_t now = 0; now < 10 * kSecond; now += kMillisecond) {
    if (target.Count(now < kSecond ? 10000 : 0)) target.Look(now, *pool);
    target.Look(now, *pool);
  }
  EXPECT_EQ(target.frames(), 512u);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
