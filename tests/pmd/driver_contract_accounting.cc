// SPDX-License-Identifier: Apache-2.0
// Counters: they add up, every drop has a name, reset, and what an empty pool does.
#include <array>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/pmd/driver_contract.h"

namespace pollux::pmd {
namespace {

// Sums the counters whose names begin with `prefix` ("tx_q0_") and go on with `what` ("dropped_").
uint64_t SumOf(const Device& device, const std::string& prefix, const std::string& what) {
  uint64_t sum = 0;
  for (const NamedCounter& counter : device.ExtendedStats()) {
    if (counter.name.compare(0, prefix.size() + what.size(), prefix + what) == 0) sum += counter.value;
  }
  return sum;
}

// E2.
TEST_P(DriverContract, StatisticsAddUp) {
  Ports ports = Started(queues());
  ASSERT_TRUE(ports.sender);
  std::map<std::size_t, std::pair<uint64_t, uint64_t>> taken;  // packets and bytes by queue
  uint64_t taken_bytes = 0;
  for (std::size_t queue = 0; queue < queues(); ++queue) {
    for (int round = 0; round < 10; ++round) {
      std::vector<std::size_t> lengths(1 + queue);
      for (std::size_t& length : lengths) length = RandomLength();
      for (const SentPacket& sent : SendAll(*ports.sender, queue, lengths)) {
        taken[queue].first += 1;
        taken[queue].second += sent.length;
        taken_bytes += sent.length;
      }
      const QueueStats stats = ports.sender->Stats(queue);
      EXPECT_EQ(stats.tx_packets + stats.tx_dropped + stats.tx_pending, taken[queue].first);
    }
    ports.sender->tx_queue(queue).Send({});
    if (traits_.returns)
      Free(ReceiveCount(ports.receiver(), traits_.keeps_queue ? queue : 0, traits_.keeps_queue ? 1 : queues(), taken[queue].first));
  }
  SettleTx(*ports.sender, queues());
  QueueStats sum;
  for (std::size_t queue = 0; queue < queues(); ++queue) {
    const QueueStats stats = ports.sender->Stats(queue);
    sum += stats;
    EXPECT_EQ(stats.tx_packets, taken[queue].first);
    EXPECT_EQ(stats.tx_bytes, taken[queue].second);
    EXPECT_EQ(stats.tx_dropped, 0u);
  }
  const QueueStats whole = ports.sender->Stats();
  EXPECT_EQ(whole.tx_packets, sum.tx_packets);
  EXPECT_EQ(whole.tx_bytes, taken_bytes);
  if (traits_.returns) {
    EXPECT_EQ(ports.receiver().Stats().rx_packets, whole.tx_packets);
    EXPECT_EQ(ports.receiver().Stats().rx_bytes, whole.tx_bytes);
  }
}

TEST_P(DriverContract, ExtendedStatisticsNameEveryDrop) {
  Ports ports = Started(queues());
  ASSERT_TRUE(ports.sender);
  for (std::size_t queue = 0; queue < queues(); ++queue) Exercise(ports, queue, 20);
  if (traits_.has_limit) SendAll(*ports.sender, 0, std::array{traits_.too_long});
  SettleTx(*ports.sender, queues());
  for (const Device* device : {ports.sender.get(), ports.second.get()}) {
    if (device == nullptr) continue;
    std::set<std::string> names;
    for (const NamedCounter& counter : device->ExtendedStats())
      EXPECT_TRUE(names.insert(counter.name).second) << counter.name << " stands twice";
    for (std::size_t queue = 0; queue < queues(); ++queue) {
      const std::string rx = "rx_q" + std::to_string(queue) + "_";
      const std::string tx = "tx_q" + std::to_string(queue) + "_";
      const QueueStats stats = device->Stats(queue);
      ASSERT_TRUE(names.contains(rx + "packets") && names.contains(tx + "packets")) << "queue " << queue;
      EXPECT_EQ(SumOf(*device, rx, "packets"), stats.rx_packets);
      EXPECT_EQ(SumOf(*device, rx, "bytes"), stats.rx_bytes);
      EXPECT_EQ(SumOf(*device, tx, "packets"), stats.tx_packets);
      EXPECT_EQ(SumOf(*device, tx, "bytes"), stats.tx_bytes);
      EXPECT_EQ(SumOf(*device, tx, "dropped_"), stats.tx_dropped) << "a drop without a name";
    }
  }
}

TEST_P(DriverContract, ResetCountsAnew) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  Exercise(ports, 0, 50);
  SettleTx(*ports.sender);
  ports.sender->ResetStats();
  if (ports.second) ports.second->ResetStats();
  EXPECT_EQ(ports.sender->Stats().tx_packets, 0u);
  EXPECT_EQ(ports.sender->Stats().tx_bytes, 0u);
  EXPECT_EQ(ports.receiver().Stats().rx_packets, 0u);
  EXPECT_EQ(SumOf(*ports.sender, "tx_q0_", "packets"), 0u);
  EXPECT_EQ(SumOf(ports.receiver(), "rx_q0_", "packets"), 0u);
  Exercise(ports, 0, 7);
  SettleTx(*ports.sender);
  EXPECT_EQ(ports.sender->Stats().tx_packets, 7u);
  if (traits_.returns || traits_.sources) {
    EXPECT_EQ(ports.receiver().Stats().rx_packets, 7u);
  }
  EXPECT_EQ(SumOf(*ports.sender, "tx_q0_", "packets"), 7u);
}

TEST_P(DriverContract, StatisticsSurviveStopAndEndWithConfigure) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  Exercise(ports, 0, 10);
  SettleTx(*ports.sender);
  Stop(ports);
  EXPECT_EQ(ports.sender->Stats().tx_packets, 10u);
  ASSERT_TRUE(ports.sender->Configure(Config(1)).ok());
  EXPECT_EQ(ports.sender->Stats().tx_packets, 0u);
}

// A source that finds the pool empty says so, and goes on as soon as there are frames again.
TEST_P(DriverContract, EmptyPoolIsCountedAndHeals) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  if (!traits_.sources) return;  // a wire needs frames to send before it needs any to receive
  std::vector<Packet> all(pool_->frame_count());
  all.resize(pool_->Allocate(all));
  std::array<Packet, 8> burst;
  EXPECT_EQ(ports.receiver().rx_queue(0).Receive(burst), 0u);
  EXPECT_GE(ports.receiver().Stats().rx_nombuf, 1u);
  EXPECT_TRUE(Balance(ports, all));
  Free(all);
  Free(ReceiveCount(ports.receiver(), 0, 1, burst.size()));
}

}  // namespace
}  // namespace pollux::pmd
