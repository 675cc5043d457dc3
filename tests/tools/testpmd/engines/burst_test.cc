// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/burst.h"

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"

namespace pollux::testpmd {
namespace {

class BurstTest : public EngineTest {};

TEST_F(BurstTest, WithoutRetryTheRestIsDroppedAndCounted) {
  Make("io");
  Arrive(32);
  tx.rooms = {10};
  EXPECT_EQ(engine->Poll(stream), 32u);
  EXPECT_EQ(stream.stats.tx_packets.value(), 10u);
  EXPECT_EQ(stream.stats.forward_dropped.value(), 22u);
  EXPECT_EQ(tx.offered, (std::vector<std::size_t>{32}));
}

TEST_F(BurstTest, RetryOffersTheRestAgain) {
  stream.retry = {.enabled = true, .count = 64, .delay_us = 1};
  Make("io");
  Arrive(32);
  tx.rooms = {10, 0, 5};
  EXPECT_EQ(engine->Poll(stream), 32u);
  EXPECT_EQ(tx.offered, (std::vector<std::size_t>{32, 22, 22, 17}));
  EXPECT_EQ(stream.stats.tx_packets.value(), 32u);
  EXPECT_EQ(stream.stats.forward_dropped.value(), 0u);
  for (std::size_t index = 0; index < 32; ++index) EXPECT_EQ(Sent(index).size(), 14u + 20 + 8 + index + 1) << "order";
}

TEST_F(BurstTest, RetryIsBounded) {
  stream.retry = {.enabled = true, .count = 3, .delay_us = 0};
  Make("io");
  Arrive(8);
  tx.rooms = {2};
  tx.room_otherwise = 0;
  engine->Poll(stream);
  EXPECT_EQ(tx.offered, (std::vector<std::size_t>{8, 6, 6, 6}));
  EXPECT_EQ(stream.stats.forward_dropped.value(), 6u);
}

TEST_F(BurstTest, HistogramOnlyWhileRecorded) {
  Make("io");
  engine->Poll(stream);
  EXPECT_EQ(stream.stats.rx_bursts.bursts[0].value(), 0u);
  stream.record_bursts = true;
  engine->Poll(stream);
  Arrive(5);
  tx.rooms = {3};
  engine->Poll(stream);
  EXPECT_EQ(stream.stats.rx_bursts.bursts[0].value(), 1u);
  EXPECT_EQ(stream.stats.rx_bursts.bursts[5].value(), 1u);
  EXPECT_EQ(stream.stats.tx_bursts.bursts[3].value(), 1u);
  EXPECT_EQ(stream.stats.tx_bursts.bursts[0].value(), 0u);
}

TEST_F(BurstTest, TheLargestBurst) {
  stream.burst = mempool::kMaximumBurst;
  stream.record_bursts = true;
  Make("io");
  Arrive(mempool::kMaximumBurst + 1);
  EXPECT_EQ(engine->Poll(stream), mempool::kMaximumBurst);
  EXPECT_EQ(engine->Poll(stream), 1u);
  EXPECT_EQ(stream.stats.tx_bursts.bursts[mempool::kMaximumBurst].value(), 1u);
}

struct Seen : BurstObserver {
  void OnBurst(std::size_t port, std::size_t queue, bool received, std::span<const Packet> packets) override {
    bursts.push_back({port, queue, received, packets.size()});
  }
  struct Burst {
    std::size_t port, queue;
    bool received;
    std::size_t packets;
    bool operator==(const Burst&) const = default;
  };
  std::vector<Burst> bursts;
};

TEST_F(BurstTest, ObserverSeesWhatComesAndWhatIsOffered) {
  Seen seen;
  stream.observer = &seen;
  stream.rx_port = 1;
  stream.rx_queue = 2;
  stream.tx_port = 3;
  stream.tx_queue = 4;
  Make("io");
  engine->Poll(stream);
  Arrive(7);
  tx.rooms = {3};
  engine->Poll(stream);
  EXPECT_EQ(seen.bursts, (std::vector<Seen::Burst>{{1, 2, true, 7}, {3, 4, false, 7}}));
}

}  // namespace
}  // namespace pollux::testpmd
