// SPDX-License-Identifier: Apache-2.0
#include "pmd/ring/ring_device.h"

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd {
namespace {

using ::testing::HasSubstr;

class RingDevice : public testing::Test {
 protected:
  ~RingDevice() override { EXPECT_TRUE(support::FramesAreFree(*pool_)); }

  static std::unique_ptr<Device> Open(const char* text) {
    auto device = OpenDevice(text);
    EXPECT_TRUE(device.ok()) << device.status();
    return device.ok() ? *std::move(device) : nullptr;
  }
  void Start(Device& device, std::size_t rx_queues = 1, std::size_t tx_queues = 1, std::size_t ring = 8, bool scattered = false) {
    const DeviceConfig config{
        .rx_queues = rx_queues, .tx_queues = tx_queues, .rx_ring = ring, .tx_ring = ring, .pool = pool_, .scattered = scattered};
    ASSERT_TRUE(device.Configure(config).ok());
    ASSERT_TRUE(device.Start().ok());
  }
  std::vector<Packet> Packets(std::size_t count) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, count);
    for (std::size_t index = 0; index < count; ++index) support::WriteContents(packets[index], 60 + index, index);
    return packets;
  }
  static std::vector<Packet> Receive(Device& device, std::size_t queue = 0) {
    std::vector<Packet> packets(64);
    packets.resize(device.rx_queue(queue).Receive(packets));
    return packets;
  }
  static uint64_t Counter(const Device& device, const std::string& name) {
    for (const NamedCounter& counter : device.ExtendedStats()) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  const std::shared_ptr<mempool::Pool> pool_ = support::MakePool();
};

TEST_F(RingDevice, PassesThePacketItself) {
  const auto device = Open("net_ring0");
  Start(*device);
  const std::vector<Packet> sent = Packets(3);
  ASSERT_EQ(device->tx_queue(0).Send(sent), 3u);
  const std::vector<Packet> received = Receive(*device);
  ASSERT_EQ(received.size(), 3u);
  for (std::size_t index = 0; index < 3; ++index) EXPECT_EQ(received[index].data, sent[index].data) << "copied";
  mempool::Pool::Free(received);
}

TEST_F(RingDevice, PairsCrosswise) {
  const auto left = Open("net_ring0");
  const auto right = Open("net_ring1,peer=net_ring0");
  Start(*left, 2, 2);
  Start(*right, 2, 2);
  ASSERT_EQ(left->tx_queue(1).Send(Packets(2)), 2u);
  ASSERT_EQ(right->tx_queue(0).Send(Packets(3)), 3u);
  EXPECT_TRUE(Receive(*left, 1).empty());
  EXPECT_TRUE(Receive(*right, 0).empty());
  const std::vector<Packet> at_right = Receive(*right, 1);
  const std::vector<Packet> at_left = Receive(*left, 0);
  EXPECT_EQ(at_right.size(), 2u);
  EXPECT_EQ(at_left.size(), 3u);
  mempool::Pool::Free(at_right);
  mempool::Pool::Free(at_left);
}

TEST_F(RingDevice, AFullRingTakesFewerAndSaysSo) {
  const auto device = Open("net_ring0");
  Start(*device);
  const std::vector<Packet> packets = Packets(10);
  EXPECT_EQ(device->tx_queue(0).Send(packets), 8u);
  EXPECT_EQ(device->tx_queue(0).Send(std::span(packets).subspan(8)), 0u);
  const QueueStats stats = device->Stats();
  EXPECT_EQ(stats.tx_packets, 8u);
  EXPECT_EQ(stats.tx_bytes, 8 * 60 + 28u);
  EXPECT_EQ(stats.tx_dropped, 0u);
  EXPECT_EQ(Counter(*device, "tx_q0_ring_full"), 2u);
  mempool::FrameAudit audit(*pool_);
  device->CollectFrames(audit);
  EXPECT_EQ(audit.holders().back().first, "net_ring0 rx queue 0: ring");
  EXPECT_EQ(audit.holders().back().second, 8u);
  mempool::Pool::Free(std::span(packets).subspan(8));
  ASSERT_TRUE(device->Stop().ok());
  EXPECT_EQ(device->Stats().rx_missed, 8u);
  EXPECT_EQ(Counter(*device, "rx_q0_discarded_at_stop"), 8u);
}

// Packets of several frames: frames for each of `shape`.
std::vector<Packet> Shape(std::vector<Packet> frames, std::initializer_list<std::size_t> shape) {
  std::size_t index = 0;
  for (const std::size_t count : shape) {
    for (std::size_t frame = 0; frame + 1 < count; ++frame) frames[index + frame].flags = Packet::kContinues;
    index += count;
  }
  EXPECT_EQ(index, frames.size());
  return frames;
}

TEST_F(RingDevice, PassesPacketsOfSeveralFramesWhole) {
  const auto device = Open("net_ring0,sg=on");
  EXPECT_FALSE(device->scattered());
  EXPECT_THAT(device->Configure({.pool = pool_}).message(), HasSubstr("this program does not take"));
  Start(*device, 1, 1, 8, true);
  EXPECT_TRUE(device->scattered());
  const std::vector<Packet> sent = Shape(Packets(10), {1, 3, 2, 3, 1});
  // The fourth has no room any more, and is not cut.
  ASSERT_EQ(device->tx_queue(0).Send(sent), 6u);
  EXPECT_EQ(Counter(*device, "tx_q0_ring_full"), 1u);
  std::vector<Packet> received(3);
  ASSERT_EQ(device->rx_queue(0).Receive(received), 1u) << "the second would be cut";
  EXPECT_EQ(received[0].data, sent[0].data);
  ASSERT_EQ(device->rx_queue(0).Receive(received), 3u);
  for (std::size_t frame = 0; frame < 3; ++frame) {
    EXPECT_EQ(received[frame].data, sent[1 + frame].data);
    EXPECT_EQ(received[frame].continues(), frame < 2);
  }
  mempool::Pool::Free({sent.data(), 4});
  ASSERT_EQ(device->tx_queue(0).Send(std::span(sent).subspan(6)), 4u);
  QueueStats stats = device->Stats();
  EXPECT_EQ(stats.tx_packets, 5u);
  EXPECT_EQ(stats.tx_bytes, 10 * 60 + 45u);
  EXPECT_EQ(stats.rx_packets, 2u);
  EXPECT_EQ(stats.rx_bytes, 4 * 60 + 6u);
  ASSERT_TRUE(device->Stop().ok());
  EXPECT_EQ(device->Stats().rx_missed, 3u) << "packets, not frames";
}

TEST_F(RingDevice, PacketsOfTooManyFramesAreDroppedByName) {
  const auto left = Open("net_ring0");
  const auto right = Open("net_ring1,peer=net_ring0,sg=on");
  Start(*left, 1, 1, 32, true);
  EXPECT_FALSE(left->scattered()) << "without sg=on";
  Start(*right, 1, 1, 32, true);
  // To one that takes single frames alone.
  ASSERT_EQ(right->tx_queue(0).Send(Shape(Packets(4), {1, 2, 1})), 4u);
  EXPECT_EQ(Counter(*right, "tx_q0_dropped_too_many_frames"), 1u);
  const std::vector<Packet> others = Receive(*left);
  EXPECT_EQ(others.size(), 2u);
  mempool::Pool::Free(others);
  // More than any packet may have, and more than a receiver's burst holds.
  const std::vector<Packet> sent = Shape(Packets(26), {19, 6, 1});
  ASSERT_EQ(left->tx_queue(0).Send(sent), 26u);
  EXPECT_EQ(Counter(*left, "tx_q0_dropped_too_many_frames"), 1u);
  std::vector<Packet> received(4);
  EXPECT_EQ(right->rx_queue(0).Receive(received), 0u);
  EXPECT_EQ(Counter(*right, "rx_q0_dropped_too_many_frames"), 1u);
  ASSERT_EQ(right->rx_queue(0).Receive(received), 1u);
  mempool::Pool::Free({received.data(), 1});
  const QueueStats stats = left->Stats();
  EXPECT_EQ(stats.tx_packets + stats.tx_dropped, 3u);
  EXPECT_EQ(right->Stats().rx_packets + right->Stats().rx_missed, stats.tx_packets);
}

TEST_F(RingDevice, WithoutAReceiverPacketsAreDroppedByName) {
  const auto left = Open("net_ring0");
  auto right = Open("net_ring1,peer=net_ring0");
  Start(*left, 1, 2);
  const auto drops = [&](const char* when, std::size_t queue, uint64_t expected) {
    EXPECT_EQ(left->tx_queue(queue).Send(Packets(2)), 2u) << when;
    EXPECT_EQ(left->Stats(queue).tx_dropped, expected) << when;
    EXPECT_EQ(Counter(*left, "tx_q" + std::to_string(queue) + "_dropped_no_receiver"), expected) << when;
  };
  EXPECT_FALSE(left->Link()->up);
  drops("before the peer is started", 0, 2);
  Start(*right, 1, 1);
  EXPECT_TRUE(left->Link()->up);
  drops("the peer has no such queue", 1, 2);
  ASSERT_TRUE(right->Stop().ok());
  drops("the peer is stopped", 0, 4);
  right.reset();
  drops("the peer is closed", 0, 6);
  EXPECT_EQ(left->Stats().tx_packets, 0u);
}

TEST_F(RingDevice, PacketsOutliveTheirSender) {
  const auto left = Open("net_ring0");
  auto right = Open("net_ring1,peer=net_ring0");
  Start(*left);
  Start(*right);
  ASSERT_EQ(right->tx_queue(0).Send(Packets(4)), 4u);
  right.reset();
  const std::vector<Packet> received = Receive(*left);
  EXPECT_EQ(received.size(), 4u);
  mempool::Pool::Free(received);
}

TEST_F(RingDevice, APortComesAndGoesWhileItsPeerSends) {
  const auto left = Open("net_ring0");
  auto right = Open("net_ring1,peer=net_ring0");
  Start(*left);
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    std::array<Packet, 4> burst;
    while (!stop) {
      const std::size_t count = pool_->Allocate(burst);
      const std::size_t taken = left->tx_queue(0).Send(std::span(burst).first(count));
      mempool::Pool::Free(std::span(burst).subspan(taken, count - taken));
    }
  });
  uint64_t arrived = 0;
  for (int round = 0; round < 200 && !HasFailure(); ++round) {
    if (round > 0) right = Open("net_ring1,peer=net_ring0");
    Start(*right);
    // Until something arrived, so that in every round the sender is in the midst of it.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (right->Stats().rx_packets == 0 && std::chrono::steady_clock::now() < end) {
      const std::vector<Packet> received = Receive(*right);
      mempool::Pool::Free(received);
      if (received.empty()) std::this_thread::yield();
    }
    EXPECT_GT(right->Stats().rx_packets, 0u) << "round " << round;
    EXPECT_TRUE(right->Stop().ok());
    arrived += right->Stats().rx_packets + right->Stats().rx_missed;
    right.reset();
  }
  stop = true;
  sender.join();
  EXPECT_EQ(left->Stats().tx_packets, arrived);
}

TEST_F(RingDevice, BothEndsCanBePluggedInAgain) {
  auto left = Open("net_ring0");
  auto right = Open("net_ring1,peer=net_ring0");
  left.reset();
  left = Open("net_ring0");
  right.reset();
  right = Open("net_ring2,peer=net_ring0");
  Start(*left);
  Start(*right);
  ASSERT_EQ(left->tx_queue(0).Send(Packets(1)), 1u);
  const std::vector<Packet> received = Receive(*right);
  EXPECT_EQ(received.size(), 1u);
  mempool::Pool::Free(received);
  left.reset();
  right.reset();
  left = Open("net_ring0");  // with both closed the cable is gone: a loopback again
  Start(*left);
  ASSERT_EQ(left->tx_queue(0).Send(Packets(1)), 1u);
  mempool::Pool::Free(Receive(*left));
  EXPECT_EQ(left->Stats().rx_packets, 1u);
}

TEST_F(RingDevice, RefusesWhatCannotBeJoined) {
  const auto refused = [](const char* text, absl::StatusCode code, const char* message) {
    const absl::Status status = OpenDevice(text).status();
    EXPECT_EQ(status.code(), code) << text << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr(message)) << text;
  };
  refused("net_ring1,peer=net_ring0", absl::StatusCode::kNotFound, "net_ring1: peer=net_ring0: no ring port of this name is open");
  refused("net_ring0,peer=net_ring0", absl::StatusCode::kNotFound, "no ring port");
  refused("net_ring0,peer=", absl::StatusCode::kInvalidArgument, "peer=: must be");
  const auto left = Open("net_ring0");
  refused("net_ring0", absl::StatusCode::kAlreadyExists, "net_ring0: a ring port of this name is open");
  {
    auto right = Open("net_ring1,peer=net_ring0");
    refused("net_ring2,peer=net_ring0", absl::StatusCode::kFailedPrecondition, "joined to net_ring1");
    refused("net_ring2,peer=net_ring1", absl::StatusCode::kFailedPrecondition, "joined to net_ring0");
    const auto other = Open("net_ring3");
    right.reset();
    refused("net_ring1,peer=net_ring3", absl::StatusCode::kFailedPrecondition, "is the other end of net_ring0");
  }
  const auto alone = Open("net_ring4");
  Start(*alone);
  refused("net_ring5,peer=net_ring4", absl::StatusCode::kFailedPrecondition, "configured as a loopback");
}

TEST_F(RingDevice, NodeActions) {
  EXPECT_TRUE(OpenDevice("net_ring0,nodeaction=R0:0:CREATE,nodeaction=R1:1:CREATE").ok());
  for (const char* const value : {"R0:0:ATTACH", "R0:0:DELETE", "R0:0", "R0:x:CREATE", ":0:CREATE", "R0:-1:CREATE", ""}) {
    const absl::Status status = OpenDevice(std::string("net_ring0,nodeaction=") + value).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(status.message(), HasSubstr(std::string("nodeaction=") + value));
  }
  EXPECT_THAT(OpenDevice("net_ring0,nodeaction=R0:0:ATTACH").status().message(), HasSubstr("peer=NAME"));
}

}  // namespace
}  // namespace pollux::pmd
