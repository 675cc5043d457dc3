// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/engines/generator_engines.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "pmd/tx_metadata.h"
#include "tests/support/fake_queues.h"
#include "tests/tools/testpmd/engines/engine_fixture.h"

namespace pollux::testpmd {
namespace {

// What txonly sends with default options, from this source address, `length` bytes long.
Frame Expected(std::size_t length, const std::string& source = "198.18.0.1") {
  return PacketBuilder()
      .Ethernet(kFromPortToPeer)
      .Ipv4({.source = source, .destination = "198.18.0.2"})
      .Udp({.source = 9, .destination = 9, .checksum = false})
      .Payload(std::string(length - kMinimumGeneratedBytes, '\0'))
      .Build();
}

uint32_t IpSource(const Frame& frame) {
  return LoadBig32(frame.data() + 14 + 12);
}
uint32_t IpDestination(const Frame& frame) {
  return LoadBig32(frame.data() + 14 + 16);
}

class TxOnlyTest : public EngineTest {};

TEST_F(TxOnlyTest, SendsDpdksPacket) {
  stream.rx = nullptr;
  Make("txonly");
  EXPECT_EQ(engine->Poll(stream), 32u);
  ASSERT_EQ(tx.sent.size(), 32u);
  for (std::size_t index = 0; index < 32; ++index) EXPECT_EQ(Sent(index), Expected(64));
  EXPECT_EQ(stream.stats.generated.value(), 32u);
}

// A port that sends at once, and says so a microsecond after each was handed over.
class StampingTxQueue : public support::FakeTxQueue {
 public:
  std::size_t TakeTimestamps(std::span<pmd::TxTimestamp> stamps) override {
    std::size_t count = 0;
    for (; looked_at < sent.size() && count < stamps.size(); ++looked_at) {
      if (!sent[looked_at].has_tx_metadata()) continue;
      const pmd::TxMetadata asks = pmd::MetadataBefore(sent[looked_at].data);
      EXPECT_EQ(asks.asks, pmd::TxMetadata::kTimestamp);
      stamps[count++] = {.cookie = asks.cookie, .time = asks.cookie + 1000};
    }
    return count;
  }
  std::size_t looked_at = 0;
};

TEST_F(TxOnlyTest, OnePacketOfABurstAsksWhenItWentOut) {
  StampingTxQueue stamping;
  stream.tx = &stamping;
  stream.asks_for_times = true;
  Make("txonly");
  for (int burst = 0; burst < 3; ++burst) EXPECT_EQ(engine->Poll(stream), 32u);
  ASSERT_EQ(stamping.sent.size(), 96u);
  for (std::size_t index = 0; index < stamping.sent.size(); ++index) EXPECT_EQ(stamping.sent[index].has_tx_metadata(), index % 32 == 0);
  EXPECT_EQ(stream.stats.tx_timestamps.value(), 3u);
  EXPECT_EQ(stream.stats.tx_delay_ns.value(), 3000u);
  stream.asks_for_times = false;
  engine->Poll(stream);
  EXPECT_FALSE(stamping.sent[96].has_tx_metadata());
  EXPECT_EQ(stream.stats.tx_timestamps.value(), 3u);
  tx.sent = stamping.sent;  // what the fixture counts, and frees
  stream.tx = &tx;
}

TEST_F(TxOnlyTest, SegmentsAddUpToOneFrame) {
  options.tx_segments = {64, 128, 1001};
  Make("txonly");
  engine->Poll(stream);
  EXPECT_EQ(Sent(0), Expected(64 + 128 + 1001));
}

TEST_F(TxOnlyTest, TheShortestAndTheLongestPacket) {
  for (const std::size_t length : {kMinimumGeneratedBytes, pool->maximum_length()}) {
    options.tx_segments = {length};
    Make("txonly");
    engine->Poll(stream);
    EXPECT_EQ(Sent(tx.sent.size() - 1), Expected(length));
  }
}

TEST_F(TxOnlyTest, WhatDoesNotFitIsRefused) {
  const std::vector<std::size_t> refused[] = {
      {}, {0}, {64, 0}, {41}, {20, 21}, {pool->maximum_length() + 1}, {1000, 1000}, {~std::size_t{0}, 43}};
  for (const std::vector<std::size_t>& segments : refused) {
    options.tx_segments = segments;
    const auto made = MakeForwardEngine("txonly", options, stream);
    EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(made.status().message().find("--txpkts="), absl::string_view::npos) << made.status();
  }
}

TEST_F(TxOnlyTest, AddressesAndPortsOfTheOptions) {
  options.tx_ip_source = 0x0A010203;
  options.tx_ip_destination = 0x0A040506;
  options.tx_udp_source = 1234;
  options.tx_udp_destination = 5678;
  Make("txonly");
  engine->Poll(stream);
  EXPECT_EQ(Sent(0), PacketBuilder()
                         .Ethernet(kFromPortToPeer)
                         .Ipv4({.source = "10.1.2.3", .destination = "10.4.5.6"})
                         .Udp({.source = 1234, .destination = 5678, .checksum = false})
                         .Payload(std::string(22, '\0'))
                         .Build());
}

// Old contents of frames must not leave the machine.
TEST_F(TxOnlyTest, PayloadDoesNotShowEarlierPackets) {
  std::vector<Packet> all = support::AllocatePackets(*pool, pool->frame_count());
  for (Packet& packet : all) std::memset(packet.data, 0xEE, pool->maximum_length());
  mempool::Pool::Free(all);
  options.tx_segments = {1000};
  Make("txonly");
  engine->Poll(stream);
  EXPECT_EQ(Sent(31), Expected(1000));
}

TEST_F(TxOnlyTest, MultiFlowChangesTheSourceAddress) {
  options.txonly_multi_flow = true;
  stream.tx_queue = 2;
  Make("txonly");
  for (int poll = 0; poll < 8; ++poll) engine->Poll(stream);
  std::set<uint32_t> sources;
  for (std::size_t index = 0; index < tx.sent.size(); ++index) {
    sources.insert(IpSource(Sent(index)));
    ASSERT_EQ(Sent(index), Expected(64, "198.18." + std::to_string(index) + ".3")) << "its checksum included";
  }
  EXPECT_EQ(sources.size(), 256u);
}

TEST_F(TxOnlyTest, AFullQueueDropsAndCounts) {
  Make("txonly");
  tx.rooms = {12, 0};
  EXPECT_EQ(engine->Poll(stream), 32u);
  EXPECT_EQ(engine->Poll(stream), 32u);
  EXPECT_EQ(stream.stats.generated.value(), 64u);
  EXPECT_EQ(stream.stats.tx_packets.value(), 12u);
  EXPECT_EQ(stream.stats.forward_dropped.value(), 52u);
}

TEST_F(TxOnlyTest, AnEmptyPoolIsCounted) {
  const std::vector<Packet> all = support::AllocatePackets(*pool, pool->frame_count());
  mempool::Pool::Free(std::span(all).first(5));
  Make("txonly");
  EXPECT_EQ(engine->Poll(stream), 5u);
  EXPECT_EQ(stream.stats.allocation_failed.value(), 27u);
  EXPECT_EQ(engine->Poll(stream), 0u);
  EXPECT_EQ(tx.empty_sends, 1u) << "the queue must get the chance to complete what holds the frames";
  mempool::Pool::Free(std::span(all).subspan(5));
}

class FlowgenTest : public EngineTest {};

TEST_F(FlowgenTest, OneDestinationAfterTheOther) {
  options.flowgen_flows = 5;
  stream.burst = 4;
  Make("flowgen");
  for (int poll = 0; poll < 3; ++poll) EXPECT_EQ(engine->Poll(stream), 4u);
  for (std::size_t index = 0; index < 12; ++index) {
    EXPECT_EQ(Sent(index), PacketBuilder()
                               .Ethernet(kFromPortToPeer)
                               .Ipv4({.source = "10.254.0.0", .destination = "10.253.0." + std::to_string(index % 5)})
                               .Udp({.source = 1000, .destination = 1001, .checksum = false})
                               .Payload(std::string(18, '\0'))
                               .Build())
        << index;
  }
}

TEST_F(FlowgenTest, ManyFlows) {
  Make("flowgen");
  for (int poll = 0; poll < 33; ++poll) engine->Poll(stream);
  std::set<uint32_t> destinations;
  for (std::size_t index = 0; index < tx.sent.size(); ++index) destinations.insert(IpDestination(Sent(index)));
  EXPECT_EQ(destinations.size(), 1024u);
  EXPECT_EQ(*destinations.rbegin(), 0x0AFD03FFu);
}

TEST_F(FlowgenTest, NoFlowIsLeftOutWhenTheQueueIsFull) {
  options.flowgen_flows = 7;
  Make("flowgen");
  tx.rooms = {3, 0, 10, 1};
  for (int poll = 0; poll < 4; ++poll) engine->Poll(stream);
  ASSERT_EQ(tx.sent.size(), 14u);
  for (std::size_t index = 0; index < 14; ++index) EXPECT_EQ(IpDestination(Sent(index)), 0x0AFD0000u + index % 7);
}

TEST_F(FlowgenTest, FreesWhatItReceives) {
  Make("flowgen");
  Arrive(5);
  EXPECT_EQ(engine->Poll(stream), 5u + 32u);
  EXPECT_EQ(stream.stats.consumed.value(), 5u);
  EXPECT_EQ(stream.stats.rx_packets.value(), 5u);
  EXPECT_EQ(tx.sent.size(), 32u);
}

TEST_F(FlowgenTest, OptionsOutOfRange) {
  for (const std::size_t flows : {std::size_t{0}, std::size_t{65537}}) {
    options.flowgen_flows = flows;
    EXPECT_EQ(MakeForwardEngine("flowgen", options, stream).status().code(), absl::StatusCode::kInvalidArgument);
  }
  options.flowgen_flows = 65536;
  options.tx_segments = {45};
  EXPECT_EQ(MakeForwardEngine("flowgen", options, stream).status().code(), absl::StatusCode::kInvalidArgument);
  options.tx_segments = {46};
  EXPECT_TRUE(MakeForwardEngine("flowgen", options, stream).ok());
}

}  // namespace
}  // namespace pollux::testpmd
