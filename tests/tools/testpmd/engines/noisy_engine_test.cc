// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/noisy_engine.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"

namespace pollux::testpmd {
namespace {

class NoisyTest : public EngineTest {
 protected:
  // `count` packets, which ExpectInOrder knows again.
  void ArriveNumbered(std::size_t count) {
    for (std::size_t index = 0; index < count; ++index) {
      const auto number = static_cast<uint16_t>(arrived_++);
      Arrive(PacketBuilder().Ethernet().Ipv4({.identification = number}).Udp().Build());
    }
  }
  void ExpectInOrder(std::size_t count) {
    ASSERT_EQ(tx.sent.size(), count);
    for (std::size_t index = 0; index < count; ++index) EXPECT_EQ(LoadBig16(Sent(index).data() + 14 + 4), index);
  }

 private:
  std::size_t arrived_ = 0;
};

TEST_F(NoisyTest, WithoutBufferItIsIo) {
  Make("noisy");
  ArriveNumbered(20);
  EXPECT_EQ(engine->Poll(stream), 20u);
  ExpectInOrder(20);
}

TEST_F(NoisyTest, TheBufferHoldsAndNewPacketsPushOutTheOldest) {
  options.noisy.buffer_packets = 50;
  Make("noisy");
  ArriveNumbered(32);
  engine->Poll(stream);
  ExpectInOrder(0);
  EXPECT_EQ(engine->HeldPackets(), 32u);
  CheckStreamBalance();
  CheckFrameBalance();
  ArriveNumbered(32);
  engine->Poll(stream);
  ExpectInOrder(14);
  for (int poll = 0; poll < 10; ++poll) {
    ArriveNumbered(32);
    engine->Poll(stream);
    EXPECT_EQ(engine->HeldPackets(), 50u);
  }
  ExpectInOrder(14 + 320);
  CheckFrameBalance();
  engine->End(stream);
  ExpectInOrder(14 + 320 + 50);
}

TEST_F(NoisyTest, ABurstLargerThanTheBufferPassesThrough) {
  options.noisy.buffer_packets = 3;
  Make("noisy");
  ArriveNumbered(32);
  engine->Poll(stream);
  ExpectInOrder(29);
  ArriveNumbered(2);
  engine->Poll(stream);
  ExpectInOrder(31);
  ArriveNumbered(32);
  engine->Poll(stream);
  ExpectInOrder(63);
}

TEST_F(NoisyTest, IdleIsIdleWhileTheBufferHolds) {
  options.noisy.buffer_packets = 64;
  Make("noisy");
  ArriveNumbered(8);
  EXPECT_EQ(engine->Poll(stream), 8u);
  EXPECT_EQ(engine->Poll(stream), 0u);
  EXPECT_GT(tx.empty_sends, 0u);
}

TEST_F(NoisyTest, FlushTimeEmptiesTheBuffer) {
  options.noisy.buffer_packets = 64;
  options.noisy.flush_time_ms = 20;
  Make("noisy");
  ArriveNumbered(40);
  const auto begin = std::chrono::steady_clock::now();
  engine->Poll(stream);
  std::size_t flushed = 0;
  while (tx.sent.empty() && std::chrono::steady_clock::now() < begin + std::chrono::seconds(10)) flushed = engine->Poll(stream);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(20));
  EXPECT_EQ(flushed, 40u) << "a poll that only flushes is not idle: 8 were received by an earlier one";
  ExpectInOrder(40);
  EXPECT_EQ(engine->HeldPackets(), 0u);
}

TEST_F(NoisyTest, EndFreesAndCountsWhatCannotBeSent) {
  options.noisy.buffer_packets = 64;
  Make("noisy");
  ArriveNumbered(32);
  engine->Poll(stream);
  tx.room_otherwise = 5;
  engine->End(stream);
  EXPECT_EQ(stream.stats.tx_packets.value(), 5u);
  EXPECT_EQ(stream.stats.forward_dropped.value(), 27u);
}

TEST_F(NoisyTest, ForwardsInOtherModes) {
  options.noisy.forward_mode = "5tswap";
  EXPECT_EQ(Forward("noisy", PacketBuilder().Ethernet().Ipv4().Udp().Build()), PacketBuilder()
                                                                                   .Ethernet(kSwapped)
                                                                                   .Ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"})
                                                                                   .Udp({.source = 2048, .destination = 1024})
                                                                                   .Build());
  options.noisy.forward_mode = "mac";
  EXPECT_EQ(Forward("noisy", PacketBuilder().Ethernet().Arp().Build()), PacketBuilder().Ethernet(kFromPortToPeer).Arp().Build());
}

TEST_F(NoisyTest, ShortPacketsDoNotEnterTheBuffer) {
  options.noisy.forward_mode = "macswap";
  options.noisy.buffer_packets = 8;
  Make("noisy");
  Arrive(Frame(10));
  EXPECT_EQ(engine->Poll(stream), 1u);
  EXPECT_EQ(engine->HeldPackets(), 0u);
  EXPECT_EQ(stream.stats.too_short.value(), 1u);
}

TEST_F(NoisyTest, LookupsStayInTheirMemory) {
  options.noisy.lookup_memory_mib = 1;
  options.noisy.lookup_reads = 100;
  options.noisy.lookup_writes = 100;
  options.noisy.lookup_reads_writes = 100;
  Make("noisy");
  ArriveNumbered(32);
  EXPECT_EQ(engine->Poll(stream), 32u);
  ExpectInOrder(32);
}

TEST_F(NoisyTest, OptionsOutOfRange) {
  const NoisyOptions refused[] = {{.lookup_reads = 1},
                                  {.lookup_writes = 1},
                                  {.lookup_reads_writes = 1},
                                  {.forward_mode = "csum"},
                                  {.buffer_packets = std::size_t{1} << 40},
                                  {.lookup_memory_mib = std::size_t{1} << 50}};
  for (const NoisyOptions& noisy : refused) {
    options.noisy = noisy;
    const absl::Status status = MakeForwardEngine("noisy", options, stream).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("--noisy-"), absl::string_view::npos) << status;
  }
}

}  // namespace
}  // namespace pollux::testpmd
