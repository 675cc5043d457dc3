// SPDX-License-Identifier: Apache-2.0
// A stream between two fake queues, the engine of a mode, and the accounts that must balance after every test.
#ifndef TESTS_TOOLS_TESTPMD_ENGINES_ENGINE_FIXTURE_H_
#define TESTS_TOOLS_TESTPMD_ENGINES_ENGINE_FIXTURE_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mempool/frame_audit.h"
#include "mempool/pool.h"
#include "tests/support/fake_queues.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/testpmd/engines/forward_engine.h"

namespace pollux::testpmd {

using support::PacketBuilder;
using Frame = PacketBuilder::Frame;

inline constexpr pmd::MacAddress kPortMac = {{0x02, 0xAA, 0, 0, 0, 0x01}};
inline constexpr pmd::MacAddress kPeerMac = {{0x02, 0xBB, 0, 0, 0, 0x02}};

class EngineTest : public testing::Test {
 protected:
  explicit EngineTest(mempool::PoolOptions pool_options = {.frame_count = 2048, .slab_frames = 64})
      : pool(support::MakePool(pool_options)) {
    stream.rx = &rx;
    stream.tx = &tx;
    stream.pool = pool.get();
    stream.tx_port_mac = kPortMac;
    stream.peer_mac = kPeerMac;
  }

  void TearDown() override {
    if (engine != nullptr) {
      CheckStreamBalance();
      CheckFrameBalance();
      engine->End(stream);
      EXPECT_EQ(engine->HeldPackets(), 0u);
      CheckStreamBalance();
    }
    mempool::Pool::Free(tx.sent);
    const std::vector<Packet> waiting(rx.waiting.begin(), rx.waiting.end());
    mempool::Pool::Free(waiting);
    EXPECT_TRUE(support::FramesAreFree(*pool));
  }

  void Make(absl::string_view mode) {
    auto made = MakeForwardEngine(mode, options, stream);
    ASSERT_TRUE(made.ok()) << made.status();
    engine = *std::move(made);
  }

  // Puts a packet with these bytes into the rx queue.
  void Arrive(const Frame& frame) {
    Packet packet;
    ASSERT_EQ(pool->Allocate({&packet, 1}), 1u);
    std::copy(frame.begin(), frame.end(), packet.data);
    packet.length = static_cast<uint32_t>(frame.size());
    rx.waiting.push_back(packet);
  }
  void Arrive(std::size_t count) {
    for (std::size_t index = 0; index < count; ++index) Arrive(PacketBuilder().Ethernet().Ipv4().Udp().Payload(index + 1).Build());
  }

  // What `mode` sends for `frame`; empty: nothing.
  Frame Forward(absl::string_view mode, const Frame& frame) {
    Make(mode);
    Arrive(frame);
    const std::size_t sent = tx.sent.size();
    EXPECT_EQ(engine->Poll(stream), 1u);
    return tx.sent.size() == sent ? Frame() : Sent(sent);
  }

  Frame Sent(std::size_t index) const {
    const Packet& packet = tx.sent.at(index);
    return Frame(packet.data, packet.data + packet.length);
  }

  uint64_t Sum(CounterRole role) const {
    uint64_t sum = 0;
    for (const StreamCounter& each : kStreamCounters) sum += each.role == role ? (stream.stats.*each.counter).value() : 0;
    return sum;
  }

  void CheckStreamBalance() const {
    EXPECT_EQ(Sum(CounterRole::kIn),
              Sum(CounterRole::kOut) + Sum(CounterRole::kDrop) + Sum(CounterRole::kConsumed) + engine->HeldPackets());
    EXPECT_EQ(stream.stats.tx_packets.value(), mempool::CountPackets(tx.sent));
  }

  void CheckFrameBalance() const {
    mempool::FrameAudit audit(*pool);
    for (const Packet& packet : rx.waiting) audit.Add("waiting", packet);
    for (const Packet& packet : tx.sent) audit.Add("sent", packet);
    engine->CollectFrames("engine", audit);
    EXPECT_TRUE(audit.Balance().ok()) << audit.Balance();
  }

  const std::shared_ptr<mempool::Pool> pool;
  support::FakeRxQueue rx;
  support::FakeTxQueue tx;
  EngineOptions options;
  Stream stream;
  std::unique_ptr<ForwardEngine> engine;
};

// The builder's default addresses, after mac.
inline const support::EthernetFields kFromPortToPeer = {.source = "02:AA:00:00:00:01", .destination = "02:BB:00:00:00:02"};
// The same, after macswap.
inline const support::EthernetFields kSwapped = {.source = "02:00:00:00:00:02", .destination = "02:00:00:00:00:01"};

}  // namespace pollux::testpmd

#endif  // TESTS_TOOLS_TESTPMD_ENGINES_ENGINE_FIXTURE_H_
