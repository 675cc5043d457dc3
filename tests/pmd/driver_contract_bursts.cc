// SPDX-License-Identifier: Apache-2.0
// Bursts: contents, lengths, partial sends, queues, threads, and who owns which frame afterwards (docs/ownership.md).
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/pmd/driver_contract.h"
#include "tools/support/patience.h"

namespace pollux::pmd {
namespace {

TEST_P(DriverContract, EmptyBurstsAreAllowed) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  EXPECT_EQ(ports.sender->tx_queue(0).Send({}), 0u);
  EXPECT_EQ(ports.receiver().rx_queue(0).Receive({}), 0u);
  EXPECT_EQ(ports.sender->Stats().tx_packets, 0u);
  EXPECT_EQ(ports.receiver().Stats().rx_packets, 0u);
  EXPECT_TRUE(Balance(ports));
}

TEST_P(DriverContract, PacketsPassWithContentsInOrder) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  Exercise(ports, 0, traits_.packets);
  SettleTx(*ports.sender);
  EXPECT_TRUE(Balance(ports));
}

TEST_P(DriverContract, EveryLengthPasses) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  for (std::size_t length = traits_.minimum_length; length <= traits_.maximum_length && !HasFailure();) {
    const std::vector<SentPacket> sent = SendAll(*ports.sender, 0, std::array{length});
    ports.sender->tx_queue(0).Send({});
    if (traits_.returns && sent.size() == 1) {
      const std::vector<Packet> received = ReceiveCount(ports.receiver(), 0, 1, 1);
      if (received.size() == 1) {
        EXPECT_TRUE(support::HasContents(received[0], length, sent[0].seed));
      }
      Free(received);
    }
    // Each of the short ones, then some, then the longest.
    length += length < 128 ? 1 : std::clamp<std::size_t>(traits_.maximum_length - length, 1, 61);
  }
  SettleTx(*ports.sender);
  EXPECT_EQ(ports.sender->Stats().tx_dropped, 0u);
}

TEST_P(DriverContract, PacketsMayStartAnywhereInTheirFrame) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  constexpr std::size_t kLength = 100;
  const auto headroom = static_cast<std::ptrdiff_t>(pool_->headroom());
  const auto last = static_cast<std::ptrdiff_t>(pool_->frame_size() - kLength) - headroom;
  for (const std::ptrdiff_t shift : {-headroom, -headroom + 1, std::ptrdiff_t{-18}, std::ptrdiff_t{7}, last}) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, 1);
    packets[0].data += shift;
    support::WriteContents(packets[0], kLength, 77);
    ASSERT_EQ(ports.sender->tx_queue(0).Send(packets), 1u);
    ports.sender->tx_queue(0).Send({});
    if (!traits_.returns) continue;
    const std::vector<Packet> received = ReceiveCount(ports.receiver(), 0, 1, 1);
    if (received.size() == 1) {
      EXPECT_TRUE(support::HasContents(received[0], kLength, 77)) << "shift " << shift;
    }
    Free(received);
  }
  SettleTx(*ports.sender);
  EXPECT_TRUE(Balance(ports));
}

// Frames of received packets have headroom, all of it the application's, and say which pool they return to.
TEST_P(DriverContract, ReceivedPacketsAreWhollyTheCallers) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  if (!traits_.returns && !traits_.sources) return;  // receives nothing
  if (traits_.returns) {
    SendAll(*ports.sender, 0, std::array{traits_.maximum_length, traits_.maximum_length});
    ports.sender->tx_queue(0).Send({});
  }
  const std::vector<Packet> received = ReceiveCount(ports.receiver(), 0, 1, 2);
  for (const Packet& packet : received) {
    ASSERT_EQ(packet.pool, pool_->id());
    ASSERT_TRUE(pool_->Owns(packet));
    EXPECT_GE(pool_->Headroom(packet), mempool::kMinimumHeadroom);
    EXPECT_LE(pool_->Headroom(packet) + packet.length, pool_->frame_size());
    EXPECT_EQ(packet.flags, 0u);
    std::fill_n(pool_->FrameStart(pool_->FrameOf(packet)), pool_->frame_size(), std::byte{0xEE});
  }
  SettleTx(*ports.sender);
  EXPECT_TRUE(Balance(ports, received));
  Free(received);
}

// M10: the first k are the driver's, the others stay the caller's.
TEST_P(DriverContract, PartialSendLeavesTheRestWithTheCaller) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  std::vector<Packet> packets = support::AllocatePackets(*pool_, 4 * traits_.ring);
  for (std::size_t index = 0; index < packets.size(); ++index) support::WriteContents(packets[index], traits_.maximum_length, index);
  std::size_t taken = 0;
  // Nobody receives. Until a burst is taken in part, or all is taken: a driver without a ring never says no.
  while (taken < packets.size()) {
    const std::size_t offered = std::min<std::size_t>(mempool::kDefaultBurst + 1, packets.size() - taken);
    const std::size_t count = ports.sender->tx_queue(0).Send(std::span<const Packet>(packets).subspan(taken, offered));
    ASSERT_LE(count, offered);
    taken += count;
    if (count < offered) break;
  }
  EXPECT_GT(taken, 0u);
  const QueueStats stats = ports.sender->Stats();
  EXPECT_EQ(stats.tx_packets + stats.tx_dropped + stats.tx_pending, taken);
  const std::span<const Packet> rest = std::span<const Packet>(packets).subspan(taken);
  for (std::size_t index = 0; index < rest.size(); ++index) {
    EXPECT_TRUE(support::HasContents(rest[index], traits_.maximum_length, taken + index)) << "a packet that was not taken was touched";
  }
  EXPECT_TRUE(Balance(ports, rest));
  Stop(ports);
  EXPECT_TRUE(Balance(ports, rest));
  Free(rest);
}

TEST_P(DriverContract, TooLongIsTakenAndCounted) {
  if (!traits_.has_limit) return;  // no limit below a frame
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  const std::size_t lengths[] = {traits_.maximum_length, traits_.too_long, traits_.maximum_length};
  const std::vector<SentPacket> sent = SendAll(*ports.sender, 0, lengths);
  ports.sender->tx_queue(0).Send({});
  ASSERT_EQ(sent.size(), 3u);
  if (traits_.returns) {
    const std::vector<Packet> received = ReceiveCount(ports.receiver(), 0, traits_.keeps_queue ? 1 : started_queues_, 2);
    ASSERT_EQ(received.size(), 2u);
    EXPECT_TRUE(support::HasContents(received[0], sent[0].length, sent[0].seed));
    EXPECT_TRUE(support::HasContents(received[1], sent[2].length, sent[2].seed));
    Free(received);
  }
  SettleTx(*ports.sender);
  const QueueStats stats = ports.sender->Stats();
  EXPECT_EQ(stats.tx_packets, 2u);
  EXPECT_EQ(stats.tx_dropped, 1u);
}

TEST_P(DriverContract, QueuesAreIndependent) {
  Ports ports = Started(queues());
  ASSERT_TRUE(ports.sender);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t queue = 0; queue < queues() && !HasFailure(); ++queue) Exercise(ports, queue, 50 + queue);
  }
  SettleTx(*ports.sender, queues());
  for (std::size_t queue = 0; queue < queues(); ++queue) {
    EXPECT_EQ(ports.sender->Stats(queue).tx_packets, 3 * (50 + queue)) << "queue " << queue;
    if (traits_.returns && traits_.keeps_queue) {
      EXPECT_EQ(ports.receiver().Stats(queue).rx_packets, 3 * (50 + queue)) << "queue " << queue;
    }
  }
  EXPECT_TRUE(Balance(ports));
}

// Packets of another pool are sent too, copied or not, and their frames go back to that pool.
TEST_P(DriverContract, PacketsOfAnotherPoolAreSent) {
  const std::shared_ptr<mempool::Pool> foreign = support::MakePool({.frame_count = 512, .slab_frames = 64});
  ASSERT_TRUE(foreign);
  {
    Ports ports = Started();
    ASSERT_TRUE(ports.sender);
    constexpr std::size_t kCount = 40;
    std::vector<Packet> packets = support::AllocatePackets(*foreign, kCount);
    const std::vector<Packet> own = support::AllocatePackets(*pool_, kCount / 2);
    for (std::size_t index = 0; index < own.size(); ++index) std::swap(packets[2 * index], const_cast<Packet&>(own[index]));
    Free(own);  // the swapped-out ones: `packets` is a mix now
    for (std::size_t index = 0; index < kCount; ++index) support::WriteContents(packets[index], traits_.maximum_length, index);
    ASSERT_EQ(ports.sender->tx_queue(0).Send(packets), kCount);
    ports.sender->tx_queue(0).Send({});
    if (traits_.returns) {
      const std::vector<Packet> received = ReceiveCount(ports.receiver(), 0, traits_.keeps_queue ? 1 : started_queues_, kCount);
      for (std::size_t index = 0; index < received.size(); ++index) {
        EXPECT_TRUE(support::HasContents(received[index], traits_.maximum_length, index));
      }
      Free(received);
    }
    SettleTx(*ports.sender);
    EXPECT_TRUE(Balance(ports));
  }
  EXPECT_TRUE(support::FramesAreFree(*foreign));
}

// M11: any thread, at any later time, also after the port is closed.
TEST_P(DriverContract, PacketsAreFreedByAnotherThreadAfterThePortIsGone) {
  if (!traits_.returns && !traits_.sources) return;  // receives nothing
  std::vector<Packet> received;
  {
    Ports ports = Started();
    ASSERT_TRUE(ports.sender);
    constexpr std::size_t kCount = 32;
    if (traits_.returns) {
      SendAll(*ports.sender, 0, std::vector<std::size_t>(kCount, traits_.maximum_length));
      ports.sender->tx_queue(0).Send({});
    }
    received = ReceiveCount(ports.receiver(), 0, 1, kCount);
    std::thread([&] { Free(std::span(received).first(received.size() / 2)); }).join();
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(received.size() / 2));
    SettleTx(*ports.sender);
    EXPECT_TRUE(Balance(ports, received));
  }
  EXPECT_TRUE(support::FramesAreFree(*pool_, received));
  std::thread([&] { Free(received); }).join();
}

// M15.
TEST_P(DriverContract, StopWithPacketsInFlightLosesNoFrame) {
  Ports ports = Started(queues());
  ASSERT_TRUE(ports.sender);
  std::size_t taken = 0;
  for (std::size_t queue = 0; queue < queues(); ++queue) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, traits_.ring / 2);
    for (Packet& packet : packets) support::WriteContents(packet, traits_.maximum_length, queue);
    const std::size_t count = ports.sender->tx_queue(queue).Send(packets);
    Free(std::span(packets).subspan(count));
    taken += count;
  }
  EXPECT_TRUE(Balance(ports));
  Stop(ports);
  EXPECT_TRUE(support::FramesAreFree(*pool_)) << "after Stop nothing is in flight";
  const QueueStats sent = ports.sender->Stats();
  EXPECT_EQ(sent.tx_pending, 0u);
  EXPECT_EQ(sent.tx_packets + sent.tx_dropped, taken);
  if (traits_.returns && traits_.window >= taken) {
    const QueueStats got = ports.receiver().Stats();
    EXPECT_EQ(got.rx_packets + got.rx_missed, sent.tx_packets);
  }
}

// One thread sends, one receives, one reads the statistics; frames go round through both threads' caches.
TEST_P(DriverContract, SenderReceiverAndReaderAreThreads) {
  Ports ports = Started();
  ASSERT_TRUE(ports.sender);
  const std::size_t target = 5 * traits_.packets;
  std::atomic<std::size_t> sent{0};
  std::atomic<bool> sending{true};
  std::atomic<bool> receiving{true};
  std::thread sender([&] {
    std::array<Packet, mempool::kDefaultBurst> burst;
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(20));
    while (sent < target && std::chrono::steady_clock::now() < end) {
      const std::size_t count = pool_->Allocate(burst);
      for (Packet& packet : std::span(burst).first(count)) support::WriteContents(packet, traits_.minimum_length + 20, 5);
      const std::size_t taken = ports.sender->tx_queue(0).Send(std::span(burst).first(count));
      mempool::Pool::Free(std::span(burst).subspan(taken, count - taken));
      sent += taken;
      if (taken == 0) std::this_thread::yield();
    }
    sending = false;
  });
  std::size_t received = 0;
  bool intact = true;
  std::thread receiver([&] {
    std::array<Packet, mempool::kDefaultBurst> burst;
    // Until the sender has ended and nothing came for a while.
    for (std::size_t idle = 0; sending || idle < 1000;) {
      const std::size_t count = ports.receiver().rx_queue(0).Receive(burst);
      for (const Packet& packet : std::span(burst).first(count)) {
        if (traits_.returns) intact = intact && support::HasContents(packet, traits_.minimum_length + 20, 5);
      }
      mempool::Pool::Free(std::span(burst).first(count));
      received += count;
      if (!sending) ++idle;
      if (count == 0) std::this_thread::yield();
    }
    receiving = false;
  });
  uint64_t last = 0;
  while (receiving) {
    const QueueStats stats = ports.sender->Stats();
    EXPECT_GE(stats.tx_packets, last);
    last = stats.tx_packets;
    EXPECT_FALSE(ports.receiver().ExtendedStats().empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // leaves the cores to the other two
  }
  sender.join();
  receiver.join();
  EXPECT_GE(sent, target);
  EXPECT_TRUE(intact);
  SettleTx(*ports.sender);
  EXPECT_EQ(ports.receiver().Stats().rx_packets, received);
  EXPECT_TRUE(Balance(ports));
}

}  // namespace
}  // namespace pollux::pmd
