// SPDX-License-Identifier: Apache-2.0
#include "pmd/ring/wire.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
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

// The handshake: the receiver opens and closes while the sender does nothing but send; after Close no packet enters any more, and each
// was received, found by Close, or never taken.
TEST(Wire, ClosesWhileTheSenderSends) {
  const auto pool = support::MakePool();
  Wire wire;
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> sent{0};
  std::thread sender([&] {
    std::array<Packet, 64> burst;
    std::size_t held = 0;
    while (!stop) {
      held += pool->Allocate(std::span(burst).subspan(held));
      const std::size_t taken = wire.Send(std::span(burst).first(held)).value_or(0);
      std::copy(burst.begin() + taken, burst.begin() + held, burst.begin());
      held -= taken;
      sent += taken;
    }
    mempool::Pool::Free(std::span(burst).first(held));
  });
  std::size_t received = 0;
  std::size_t discarded = 0;
  std::size_t late = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const auto in_time = [end] { return std::chrono::steady_clock::now() < end; };
  for (std::size_t round = 0; round < 50000 && in_time(); ++round) {
    wire.Open(round / 64 % 2 == 0 ? 256 : 512);
    // Every so often the wire stays open until something is in it: however threads are scheduled, both sides meet.
    std::array<Packet, 8> burst;
    std::size_t count = wire.Receive(burst);
    while (round % 256 == 0 && count == 0 && in_time()) {
      std::this_thread::yield();
      count = wire.Receive(burst);
    }
    mempool::Pool::Free(std::span(burst).first(count));
    received += count;
    discarded += wire.Close();
    // A moment in which a packet that was on its way would get in.
    for (int pause = 0; pause < 100; ++pause) asm volatile("" : : : "memory");
    wire.ForEach([&](const Packet&) { ++late; });
  }
  stop = true;
  sender.join();
  EXPECT_EQ(late, 0u) << "packets that entered a closed wire";
  EXPECT_EQ(sent, received + discarded);
  EXPECT_GT(received, 100u);
  EXPECT_TRUE(support::FramesAreFree(*pool));
}

}  // namespace
}  // namespace pollux::pmd
