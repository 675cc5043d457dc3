// SPDX-License-Identifier: Apache-2.0
#include "pmd/ring/wire.h"

#include <array>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/pool_fixture.h"

namespace pollux::pmd {
namespace {

using mempool::Packet;

TEST(Wire, NothingEntersAClosedWire) {
  const auto pool = support::MakePool();
  const std::vector<Packet> packets = support::AllocatePackets(*pool, 3);
  Wire wire;
  EXPECT_EQ(wire.Close(), 0u);
  EXPECT_FALSE(wire.Send(packets).has_value());
  wire.Open(8);
  EXPECT_EQ(wire.Send(packets), 3u);
  EXPECT_EQ(wire.Close(), 3u) << "found and freed";
  EXPECT_FALSE(wire.Send(packets).has_value());
  EXPECT_TRUE(support::FramesAreFree(*pool));
}

TEST(Wire, OpensAgainWithAnotherCapacity) {
  const auto pool = support::MakePool();
  const std::vector<Packet> packets = support::AllocatePackets(*pool, 10);
  Wire wire;
  wire.Open(4);
  EXPECT_EQ(wire.Send(packets), 4u);
  EXPECT_EQ(wire.Close(), 4u);
  wire.Open(16);
  EXPECT_EQ(wire.Send(std::span(packets).subspan(4)), 6u);
  std::array<Packet, 8> received;
  EXPECT_EQ(wire.Receive(received), 6u);
  EXPECT_EQ(received[0].data, packets[4].data);
  mempool::Pool::Free(std::span(received).first(6));
}

TEST(Wire, DestructorFreesWhatIsLeft) {
  const auto pool = support::MakePool();
  {
    Wire wire;
    wire.Open(8);
    EXPECT_EQ(wire.Send(support::AllocatePackets(*pool, 5)), 5u);
  }
  EXPECT_TRUE(support::FramesAreFree(*pool));
}

// The handshake: the receiver opens and closes while the sender sends, and every packet is received, found by Close, or was never taken.
TEST(Wire, ClosesWhileTheSenderSends) {
  const auto pool = support::MakePool();
  Wire wire;
  std::atomic<bool> stop{false};
  std::size_t sent = 0;
  std::thread sender([&] {
    std::array<Packet, 4> burst;
    while (!stop) {
      const std::size_t count = pool->Allocate(burst);
      const std::size_t taken = wire.Send(std::span(burst).first(count)).value_or(0);
      mempool::Pool::Free(std::span(burst).subspan(taken, count - taken));
      sent += taken;
    }
  });
  std::size_t received = 0;
  std::size_t discarded = 0;
  for (std::size_t round = 0; round < 3000; ++round) {
    wire.Open(round % 2 == 0 ? 8 : 32);
    std::array<Packet, 8> burst;
    const std::size_t count = wire.Receive(burst);
    mempool::Pool::Free(std::span(burst).first(count));
    received += count;
    if (round % 16 == 0) std::this_thread::yield();
    discarded += wire.Close();
  }
  stop = true;
  sender.join();
  EXPECT_EQ(sent, received + discarded);
  EXPECT_GT(sent, 0u);
  EXPECT_TRUE(support::FramesAreFree(*pool));
}

}  // namespace
}  // namespace pollux::pmd
