// SPDX-License-Identifier: Apache-2.0
// All engines against mutated packets and partial sends. Every packet ends where its frame ends, and behind the frame lies a page
// that cannot be accessed: a read or write beyond Packet::length is a crash, also without a sanitizer.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/tools/testpmd/engines/engine_fixture.h"
#include "tools/testpmd/engines/describe_packet.h"

namespace pollux::testpmd {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kRounds = 4000;

std::vector<Frame> Seeds() {
  return {
      PacketBuilder().Ethernet().Ipv4().Udp().Payload(18).Build(),
      PacketBuilder().Ethernet().Ipv4({.options_length = 12}).Tcp({.options_length = 8}).Payload(31).Build(),
      PacketBuilder().Ethernet().Vlan(3).Ipv4().Icmp().Payload(56).Build(),
      PacketBuilder().Ethernet().Vlan(3, {.tag_protocol = 0x88a8}).Vlan(4).Ipv6().Icmp6().Payload(56).Build(),
      PacketBuilder().Ethernet().Ipv6().Ipv6HopByHop(16).Ipv6Routing().Ipv6Fragment().Ipv6DestinationOptions().Udp().Payload(9).Build(),
      PacketBuilder().Ethernet().Ipv6({.hop_limit = 255}).Icmp6({.type = 135}).Payload(24).Build(),
      PacketBuilder().Ethernet().Ipv6({.hop_limit = 255}).Icmp6({.type = 135}).Payload(16).Build(),
      PacketBuilder().Ethernet().Ipv6().Tcp().Payload(200).Build(),
      PacketBuilder().Ethernet().Arp().Build(),
      PacketBuilder().Ethernet().Ipv4({.fragment_offset = 3, .protocol = 17}).Payload(40).Build(),
  };
}

class ForwardEngineFuzz : public EngineTest {
 protected:
  ForwardEngineFuzz() : EngineTest({.frame_count = 256, .frame_size = kPage, .headroom = 256, .slab_frames = 32}) {
    // Every second frame becomes a wall, and is never given out.
    std::vector<Packet> all = support::AllocatePackets(*pool, pool->frame_count());
    for (const Packet& packet : all) {
      if (pool->FrameOf(packet) % 2 == 0) {
        mempool::Pool::Free({&packet, 1});
        continue;
      }
      EXPECT_EQ(mprotect(pool->FrameStart(pool->FrameOf(packet)), kPage, PROT_NONE), 0);
      walls_.push_back(packet);
    }
  }
  ~ForwardEngineFuzz() override { EXPECT_EQ(mprotect(pool->region().base(), pool->region().size(), PROT_READ | PROT_WRITE), 0); }

  void TearDown() override {
    mempool::Pool::Free(walls_);
    EngineTest::TearDown();
  }

  Frame Mutate(Frame frame) {
    const std::size_t flips = random_() % 4;
    for (std::size_t count = 0; count < flips && !frame.empty(); ++count) {
      // Headers more often than payloads, and extreme values more often than others.
      const std::size_t at = random_() % std::min(frame.size(), random_() % 4 == 0 ? frame.size() : std::size_t{64});
      const uint8_t values[] = {0, 1, 0xFF, 0x80, static_cast<uint8_t>(random_())};
      frame[at] = std::byte{values[random_() % std::size(values)]};
    }
    switch (random_() % 4) {
      case 0:
        frame.resize(random_() % (frame.size() + 1));
        break;
      case 1:
        frame.resize(std::min<std::size_t>(frame.size() + random_() % 64, 1000));
        break;
      default:
        break;
    }
    return frame;
  }

  void ArriveAtTheEndOfAFrame(const Frame& frame) {
    Packet packet;
    ASSERT_EQ(pool->Allocate({&packet, 1}), 1u);
    packet.data = pool->FrameStart(pool->FrameOf(packet)) + kPage - frame.size();
    // Of no bytes: any place in the frame, but not behind it.
    if (frame.empty()) --packet.data;
    std::copy(frame.begin(), frame.end(), packet.data);
    packet.length = static_cast<uint32_t>(frame.size());
    rx.waiting.push_back(packet);
  }

  void FreeSent() {
    for (const Packet& packet : tx.sent) DescribePacket(packet.bytes());
    taken_ += tx.sent.size();
    mempool::Pool::Free(tx.sent);
    tx.sent.clear();
  }

  std::mt19937 random_{20221128};
  uint64_t taken_ = 0;
  std::vector<Packet> walls_;
};

class EveryMode : public ForwardEngineFuzz, public testing::WithParamInterface<std::string> {};

TEST_P(EveryMode, SurvivesAnythingAndLosesNothing) {
  const std::vector<Frame> seeds = Seeds();
  options.noisy = {.forward_mode = "5tswap", .buffer_packets = 20, .lookup_memory_mib = 1, .lookup_reads_writes = 2};
  options.txonly_multi_flow = true;
  options.flowgen_flows = 3;
  stream.burst = 16;
  Make(GetParam());
  for (std::size_t round = 0; round < kRounds; ++round) {
    const std::size_t count = random_() % 20;
    for (std::size_t index = 0; index < count; ++index) ArriveAtTheEndOfAFrame(Mutate(seeds[random_() % seeds.size()]));
    tx.room_otherwise = random_() % 20;
    while (engine->Poll(stream) != 0 && !rx.waiting.empty() && FindForwardMode(GetParam())->receives) FreeSent();
    FreeSent();
    if (!FindForwardMode(GetParam())->receives) {
      const std::vector<Packet> waiting(rx.waiting.begin(), rx.waiting.end());
      mempool::Pool::Free(waiting);
      rx.waiting.clear();
    }
    ASSERT_EQ(Sum(CounterRole::kIn),
              Sum(CounterRole::kOut) + Sum(CounterRole::kDrop) + Sum(CounterRole::kConsumed) + engine->HeldPackets());
    ASSERT_EQ(stream.stats.tx_packets.value(), taken_);
  }
  engine->End(stream);
  FreeSent();
  engine.reset();  // the accounts above stand for the fixture's, which counts what is in tx.sent
  EXPECT_TRUE(support::FramesAreFree(*pool, walls_));
}

std::vector<std::string> ModeNames() {
  std::vector<std::string> names;
  for (const ForwardMode& mode : ForwardModes()) names.push_back(std::string(mode.name));
  return names;
}
std::string TestName(const testing::TestParamInfo<std::string>& info) {
  return info.param == "5tswap" ? "fivetswap" : info.param;
}
INSTANTIATE_TEST_SUITE_P(Modes, EveryMode, testing::ValuesIn(ModeNames()), TestName);

}  // namespace
}  // namespace pollux::testpmd
