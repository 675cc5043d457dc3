// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/forwarding_engines.h"

#include <sys/mman.h>

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"

namespace pollux::testpmd {
namespace {

class IoTest : public EngineTest {};

TEST_F(IoTest, ForwardsPacketsAsTheyAre) {
  Make("io");
  const Frame frames[] = {PacketBuilder().Ethernet().Ipv4().Udp().Payload(18).Build(),
                          PacketBuilder().Ethernet().Vlan(7).Ipv6().Tcp().Build(), PacketBuilder().Ethernet().Truncate(5).Build(),
                          PacketBuilder().Ethernet().Arp().Build()};
  for (const Frame& frame : frames) Arrive(frame);
  EXPECT_EQ(engine->Poll(stream), 4u);
  for (std::size_t index = 0; index < 4; ++index) EXPECT_EQ(Sent(index), frames[index]);
}

TEST_F(IoTest, AnIdlePollSendsAnEmptyBurst) {
  Make("io");
  EXPECT_EQ(engine->Poll(stream), 0u);
  EXPECT_EQ(tx.empty_sends, 1u);
  EXPECT_TRUE(tx.offered.empty());
}

TEST_F(IoTest, ReceivesAtMostABurst) {
  stream.burst = 4;
  Make("io");
  Arrive(6);
  EXPECT_EQ(engine->Poll(stream), 4u);
  EXPECT_EQ(engine->Poll(stream), 2u);
  EXPECT_EQ(engine->Poll(stream), 0u);
}

// What a tx queue held back behind a full burst leaves in the next poll, which may receive nothing.
TEST_F(IoTest, CyclesAreThoseOfBurstsAndOfThePollBehindAFullOne) {
  stream.burst = 4;
  stream.record_cycles = true;
  Make("io");
  engine->Poll(stream);
  EXPECT_FALSE(stream.busy);
  EXPECT_EQ(stream.stats.receive_cycles.value() + stream.stats.send_cycles.value(), 0u);
  Arrive(4);
  engine->Poll(stream);
  EXPECT_TRUE(stream.busy);
  const uint64_t sending = stream.stats.send_cycles.value();
  EXPECT_GT(sending, 0u);
  EXPECT_GT(stream.stats.receive_cycles.value(), 0u);
  engine->Poll(stream);
  EXPECT_TRUE(stream.busy);
  EXPECT_GT(stream.stats.send_cycles.value(), sending);
  engine->Poll(stream);
  EXPECT_FALSE(stream.busy);
}

// The frames cannot be read while the engine runs.
TEST_F(IoTest, TouchesNoPacketMemory) {
  Make("io");
  Arrive(32);
  const mempool::Region& region = pool->region();
  ASSERT_EQ(mprotect(region.base(), region.size(), PROT_NONE), 0);
  EXPECT_EQ(engine->Poll(stream), 32u);
  ASSERT_EQ(mprotect(region.base(), region.size(), PROT_READ | PROT_WRITE), 0);
}

class RxOnlyTest : public EngineTest {};

TEST_F(RxOnlyTest, FreesAndCounts) {
  stream.tx = nullptr;
  Make("rxonly");
  Arrive(5);
  EXPECT_EQ(engine->Poll(stream), 5u);
  EXPECT_EQ(engine->Poll(stream), 0u);
  EXPECT_EQ(stream.stats.rx_packets.value(), 5u);
  EXPECT_EQ(stream.stats.consumed.value(), 5u);
}

class RewriteTest : public EngineTest {};

TEST_F(RewriteTest, ABurstOfNothingButShortPacketsSendsNone) {
  Make("mac");
  for (std::size_t length = 0; length < kEthernetBytes; ++length) Arrive(Frame(length));
  EXPECT_EQ(engine->Poll(stream), kEthernetBytes);
  EXPECT_EQ(stream.stats.too_short.value(), kEthernetBytes);
  EXPECT_TRUE(tx.sent.empty());
}

TEST_F(RewriteTest, ShortPacketsLeaveNoGapAndNoDisorder) {
  Make("macswap");
  for (std::size_t index = 0; index < 20; ++index) {
    Arrive(index % 3 == 0 ? Frame(13) : PacketBuilder().Ethernet().Payload(50 + index).Build());
  }
  engine->Poll(stream);
  EXPECT_EQ(stream.stats.too_short.value(), 7u);
  ASSERT_EQ(tx.sent.size(), 13u);
  std::size_t next = 0;
  for (std::size_t index = 0; index < 20; ++index) {
    if (index % 3 == 0) continue;
    EXPECT_EQ(Sent(next++), PacketBuilder().Ethernet(kSwapped).Payload(50 + index).Build());
  }
}

TEST_F(RewriteTest, AnIdlePollSendsAnEmptyBurst) {
  Make("mac");
  EXPECT_EQ(engine->Poll(stream), 0u);
  EXPECT_EQ(tx.empty_sends, 1u);
}

}  // namespace
}  // namespace pollux::testpmd
