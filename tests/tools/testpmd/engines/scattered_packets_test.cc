// SPDX-License-Identifier: Apache-2.0
// Forward modes with packets of several frames (docs/packets.md).
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"

namespace pollux::testpmd {
namespace {

class ScatteredPacketsTest : public EngineTest {
 protected:
  ScatteredPacketsTest() {
    stream.scattered = true;
    stream.tx_frames = mempool::kMostFramesOfPacket;
  }

  void ArriveInPieces(const Frame& frame, std::size_t piece) {
    for (std::size_t at = 0; at < frame.size(); at += piece) {
      const std::size_t end = std::min(at + piece, frame.size());
      Arrive(Frame(frame.begin() + static_cast<std::ptrdiff_t>(at), frame.begin() + static_cast<std::ptrdiff_t>(end)));
      rx.waiting.back().flags = end < frame.size() ? Packet::kContinues : 0;
    }
  }
  // What was sent, packet by packet.
  std::vector<Frame> SentPackets() const {
    std::vector<Frame> packets;
    bool begins = true;
    for (const Packet& packet : tx.sent) {
      if (begins) packets.emplace_back();
      packets.back().insert(packets.back().end(), packet.data, packet.data + packet.length);
      begins = !packet.continues();
    }
    EXPECT_TRUE(begins) << "the last packet has no end";
    return packets;
  }
};

TEST_F(ScatteredPacketsTest, ModesSendWhatTheySendOfOneFrame) {
  const Frame long_one = PacketBuilder().Ethernet().Ipv4().Udp().Payload(1000).Build();
  const Frame echo = PacketBuilder().Ethernet().Ipv4().Icmp({.type = 8}).Payload(1000).Build();
  for (const char* mode : {"io", "mac", "macswap", "5tswap", "csum", "noisy", "icmpecho"}) {
    const Frame& frame = std::string_view(mode) == "icmpecho" ? echo : long_one;
    mempool::Pool::Free(tx.sent);
    tx.sent.clear();
    stream.stats.tx_packets.Add(-stream.stats.tx_packets.value());
    Make(mode);
    Arrive(frame);
    ArriveInPieces(frame, 400);
    Arrive(frame);
    ArriveInPieces(frame, 999);
    engine->Poll(stream);
    const std::vector<Frame> sent = SentPackets();
    ASSERT_EQ(sent.size(), 4u) << mode;
    for (std::size_t index = 1; index < 4; ++index) EXPECT_EQ(sent[index], sent[0]) << mode << ", packet " << index;
    EXPECT_EQ(stream.stats.tx_packets.value(), 4u) << mode;
  }
  engine.reset();  // counted over all modes
}

TEST_F(ScatteredPacketsTest, PacketsAreCountedAndNotFrames) {
  Make("rxonly");
  ArriveInPieces(Frame(900), 300);
  Arrive(2);
  ArriveInPieces(Frame(900), 500);
  engine->Poll(stream);
  EXPECT_EQ(stream.stats.rx_packets.value(), 4u);
  EXPECT_EQ(stream.stats.consumed.value(), 4u);
}

TEST_F(ScatteredPacketsTest, WhatEndsInTheEngineEndsWhole) {
  Make("macswap");
  ArriveInPieces(Frame(100), 10);
  Arrive(1);
  engine->Poll(stream);
  EXPECT_EQ(stream.stats.too_short.value(), 1u) << "no Ethernet header in the first frame";
  EXPECT_EQ(stream.stats.tx_packets.value(), 1u);
  Make("icmpecho");
  ArriveInPieces(PacketBuilder().Ethernet().Ipv4().Udp().Payload(500).Build(), 100);
  engine->Poll(stream);
  EXPECT_EQ(stream.stats.not_answered.value(), 1u);
}

TEST_F(ScatteredPacketsTest, GeneratorsSplitWhatIsLongerThanAFrame) {
  options.tx_segments = {1500, 1500, 6000};
  stream.burst = 4;
  for (const char* mode : {"txonly", "flowgen"}) {
    Make(mode);
    engine->Poll(stream);
    engine->Poll(stream);
  }
  const std::vector<Frame> sent = SentPackets();
  ASSERT_EQ(sent.size(), 16u);
  EXPECT_EQ(tx.sent.size(), 96u) << "9000 bytes are six frames of 1792";
  EXPECT_EQ(sent[0].size(), 9000u);
  EXPECT_EQ(sent[8].size(), 8996u);
  EXPECT_EQ(sent[0], sent[7]);
  EXPECT_NE(sent[8], sent[9]) << "another destination";
  EXPECT_EQ(stream.stats.generated.value(), 16u);
}

TEST_F(ScatteredPacketsTest, WhatDoesNotGoIsRefused) {
  options.noisy.buffer_packets = 8;
  EXPECT_FALSE(MakeForwardEngine("noisy", options, stream).ok());
  options.tx_segments = {60000};
  EXPECT_FALSE(MakeForwardEngine("txonly", options, stream).ok()) << "18 frames hold less";
  options.tx_segments = {9000};
  stream.tx_frames = 1;
  EXPECT_FALSE(MakeForwardEngine("txonly", options, stream).ok());
}

}  // namespace
}  // namespace pollux::testpmd
