// SPDX-License-Identifier: Apache-2.0
// More tx queues than the device has of its own: as many as threads that send, without a word between them.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/pmd/driver_contract.h"
#include "tools/support/patience.h"

namespace pollux::pmd {
namespace {

// Sends `count` packets of `length` bytes in bursts of changing size; returns how many were taken until time ran out.
std::size_t SendMany(TxQueue& queue, mempool::Pool& pool, std::size_t count, std::size_t length, uint64_t seed) {
  const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(20));
  std::array<Packet, mempool::kDefaultBurst> burst;
  std::size_t taken = 0;
  for (std::size_t round = 0; taken < count && std::chrono::steady_clock::now() < end; ++round) {
    const auto packets = std::span(burst).first(std::min(1 + round % burst.size(), count - taken));
    const std::size_t got = pool.Allocate(packets);
    for (Packet& packet : packets.first(got)) support::WriteContents(packet, length, seed);
    const std::size_t sent = queue.Send(packets.first(got));
    mempool::Pool::Free(packets.subspan(sent, got - sent));
    taken += sent;
    if (sent == 0) std::this_thread::yield();
  }
  return taken;
}

TEST_P(DriverContract, MoreTxQueuesThanItHasOfItsOwnAndAllSendAtOnce) {
  Ports ports = Open();
  ASSERT_TRUE(ports.sender);
  const std::size_t tx_queues = std::min(ports.sender->Info().maximum_tx_queues, 2 * queues() + 1);
  if (tx_queues <= queues()) return;  // each is a file
  for (Device* device : {ports.sender.get(), ports.second.get()}) {
    if (device == nullptr) continue;
    DeviceConfig config = Config(queues());
    config.tx_queues = tx_queues;
    const absl::Status configured = device->Configure(config);
    ASSERT_TRUE(configured.ok()) << configured;
    const absl::Status started = device->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  rig_->AwaitLink(*ports.sender, ports.receiver());

  const std::size_t count = traits_.packets / 4;
  std::vector<std::size_t> taken(tx_queues);
  std::atomic<std::size_t> sending{tx_queues};
  std::vector<std::thread> senders;
  for (std::size_t queue = 0; queue < tx_queues; ++queue) {
    senders.emplace_back([&, queue] {
      taken[queue] = SendMany(ports.sender->tx_queue(queue), *pool_, count, traits_.minimum_length + 20 + queue, queue);
      --sending;
    });
  }
  std::array<Packet, mempool::kDefaultBurst> burst;
  for (std::size_t idle = 0; sending > 0 || (traits_.returns && idle < 100); ++idle) {
    for (std::size_t queue = 0; queue < queues(); ++queue) {
      const std::size_t got = ports.receiver().rx_queue(queue).Receive(burst);
      for (const Packet& packet : std::span(burst).first(got)) {
        if (!traits_.returns) continue;
        const std::size_t sender = packet.length - traits_.minimum_length - 20;
        EXPECT_TRUE(support::HasContents(packet, packet.length, sender));
      }
      Free(std::span(burst).first(got));
      if (got > 0) idle = 0;
    }
    std::this_thread::yield();
  }
  for (std::thread& sender : senders) sender.join();
  SettleTx(*ports.sender, tx_queues);

  std::map<std::string, uint64_t> counters;
  for (const NamedCounter& counter : ports.sender->ExtendedStats()) EXPECT_TRUE(counters.insert({counter.name, counter.value}).second);
  uint64_t total = 0;
  for (std::size_t queue = 0; queue < tx_queues; ++queue) {
    EXPECT_EQ(taken[queue], count) << "queue " << queue;
    const QueueStats stats = ports.sender->Stats(queue);
    EXPECT_EQ(stats.tx_packets + stats.tx_dropped + stats.tx_pending, taken[queue]) << "queue " << queue;
    EXPECT_EQ(counters.at("tx_q" + std::to_string(queue) + "_packets"), stats.tx_packets);
    total += taken[queue];
  }
  const QueueStats whole = ports.sender->Stats();
  EXPECT_EQ(whole.tx_packets + whole.tx_dropped, total);
  EXPECT_TRUE(Balance(ports));
  Stop(ports);
  EXPECT_TRUE(support::FramesAreFree(*pool_));
}

}  // namespace
}  // namespace pollux::pmd
