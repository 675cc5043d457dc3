// SPDX-License-Identifier: Apache-2.0
// Packets of several frames between two ports on a veth pair with MTU 9000, or 65535.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "pmd/drivers.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd {
namespace {

using mempool::Pool;
using testing::HasSubstr;

class ScatteredPortTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(1);
    ASSERT_NE(pair_, nullptr);
    pool_ = support::MakePool({.frame_count = 4096, .slab_frames = 64});
  }
  void TearDown() override {
    if (pool_ != nullptr) {
      EXPECT_TRUE(support::FramesAreFree(*pool_));
    }
  }

  void SetMtu(const std::string& mtu) {
    for (const char* interface : {"x0", "x1"}) pair_->Run({"ip", "link", "set", interface, "mtu", mtu});
  }
  absl::StatusOr<std::unique_ptr<Device>> Start(const std::string& text, bool scattered, std::shared_ptr<Pool> pool = nullptr) {
    auto device = OpenDevice(text);
    if (!device.ok()) return device.status();
    absl::Status status =
        (*device)->Configure({.rx_ring = 512, .tx_ring = 256, .pool = pool ? std::move(pool) : pool_, .scattered = scattered});
    if (status.ok()) status = (*device)->Start();
    if (!status.ok()) return status;
    return device;
  }
  std::unique_ptr<Device> Started(const std::string& name, const std::string& interface, bool scattered = true) {
    auto device = Start("net_af_xdp_" + name + ",iface=" + interface + "," + GetParam(), scattered);
    if (!device.ok()) return ADD_FAILURE() << device.status(), nullptr;
    return *std::move(device);
  }
  static uint64_t Counter(const Device& device, const std::string& name) {
    for (const NamedCounter& counter : device.ExtendedStats()) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }
  // Contents number `seed`, in as few frames as hold them.
  static std::vector<Packet> Make(Pool& pool, std::size_t length, uint64_t seed) {
    const std::size_t room = pool.maximum_length();
    std::vector<Packet> frames = support::AllocatePackets(pool, (length + room - 1) / room);
    std::size_t at = 0;
    for (Packet& frame : frames) {
      frame.length = static_cast<uint32_t>(std::min(room, length - at));
      for (uint32_t index = 0; index < frame.length; ++index) frame.data[index] = support::ContentByte(seed, at++);
      if (at < length) frame.flags = Packet::kContinues;
    }
    return frames;
  }
  static void Append(std::vector<Packet>& burst, const std::vector<Packet>& more) { burst.insert(burst.end(), more.begin(), more.end()); }
  // Sends what `burst` holds, receives whole packets until there are `lengths.size()`, and compares them with contents 0, 1, ...
  void Pass(Device& from, Device& to, const std::vector<Packet>& burst, const std::vector<std::size_t>& lengths) {
    std::size_t sent = 0, received = 0;
    EXPECT_TRUE(support::Eventually([&] {
      sent += from.tx_queue(0).Send(std::span(burst).subspan(sent));
      std::array<Packet, 32> packets;
      std::span<const Packet> rest(packets.data(), to.rx_queue(0).Receive(packets));
      while (!rest.empty()) {
        const auto frames = rest.first(mempool::FramesOfFirst(rest));
        rest = rest.subspan(frames.size());
        EXPECT_FALSE(frames.back().continues()) << "a burst ended within a packet";
        if (received < lengths.size()) CheckContents(frames, lengths[received], received);
        Pool::Free(frames);
        ++received;
      }
      return sent == burst.size() && received >= lengths.size();
    })) << sent
        << " frames sent, " << received << " packets received of " << lengths.size();
    EXPECT_EQ(received, lengths.size());
    EXPECT_TRUE(support::Eventually([&] {
      from.tx_queue(0).Send({});
      return from.Stats().tx_pending == 0;
    }));
    EXPECT_TRUE(support::FramesBalance(*pool_, {&from, &to}));
  }
  static void CheckContents(std::span<const Packet> frames, std::size_t length, uint64_t seed) {
    std::size_t at = 0;
    for (const Packet& frame : frames) {
      for (const std::byte byte : frame.bytes()) {
        if (byte == support::ContentByte(seed, at++)) continue;
        ADD_FAILURE() << "packet " << seed << " differs at byte " << at - 1;
        return;
      }
    }
    EXPECT_EQ(at, length) << "packet " << seed;
  }

  std::unique_ptr<support::VethPair> pair_;
  std::shared_ptr<Pool> pool_;
};
INSTANTIATE_TEST_SUITE_P(Engines, ScatteredPortTest, testing::Values("tx=ring", "tx=inject"),
                         [](const auto& info) { return std::string(info.param).substr(3); });

TEST_P(ScatteredPortTest, PacketsOfAllLengthsPassWhole) {
  SetMtu("9000");
  auto sender = Started("a", "x0");
  auto receiver = Started("b", "x1");
  ASSERT_TRUE(sender != nullptr && receiver != nullptr);
  EXPECT_TRUE(sender->scattered() && receiver->scattered());
  std::vector<std::size_t> lengths = {14, 60, 1792, 1793, 3584, 3585, 9014, 9018, 64, 9000, 9000, 9000, 9000, 1500, 8976};
  std::vector<Packet> burst;
  for (std::size_t index = 0; index < lengths.size(); ++index) Append(burst, Make(*pool_, lengths[index], index));
  Pass(*sender, *receiver, burst, lengths);
  EXPECT_EQ(sender->Stats().tx_packets, lengths.size());
  EXPECT_EQ(receiver->Stats().rx_packets, lengths.size());
  EXPECT_EQ(receiver->Stats().rx_bytes, std::accumulate(lengths.begin(), lengths.end(), std::size_t{0}));
  EXPECT_EQ(Counter(*sender, "tx_q0_scattered"), 10u);
  EXPECT_EQ(Counter(*receiver, "rx_q0_scattered"), 10u);
  EXPECT_TRUE(sender->Stop().ok() && receiver->Stop().ok());
}

TEST_P(ScatteredPortTest, OfFramesLargerThanItsOwnAPortSendsCopies) {
  SetMtu("9000");
  const auto larger = support::MakePool({.frame_count = 256, .frame_size = 4096, .slab_frames = 16});
  auto sender = Started("a", "x0");
  auto receiver = Started("b", "x1");
  ASSERT_TRUE(larger != nullptr && sender != nullptr && receiver != nullptr);
  const std::vector<std::size_t> lengths = {1500, 3840, 1793, 60, 3600, 9000};
  std::vector<Packet> burst;
  for (std::size_t index = 0; index < lengths.size(); ++index) Append(burst, Make(*larger, lengths[index], index));
  EXPECT_EQ(burst.size(), lengths.size() + 2) << "but for the last they are in one frame";
  Pass(*sender, *receiver, burst, lengths);
  EXPECT_EQ(sender->Stats().tx_packets, lengths.size());
  EXPECT_EQ(sender->Stats().tx_dropped, 0u);
  EXPECT_TRUE(support::FramesAreFree(*larger));
}

TEST_P(ScatteredPortTest, ManyPacketsOneAfterTheOther) {
  SetMtu("9000");
  auto sender = Started("a", "x0");
  auto receiver = Started("b", "x1");
  ASSERT_TRUE(sender != nullptr && receiver != nullptr);
  for (int round = 0; round < 100; ++round) {
    const std::vector<std::size_t> lengths = {9000, 100, 4000, 1792, 2000, 9018, 60};
    std::vector<Packet> burst;
    for (std::size_t index = 0; index < lengths.size(); ++index) Append(burst, Make(*pool_, lengths[index], index));
    ASSERT_NO_FATAL_FAILURE(Pass(*sender, *receiver, burst, lengths));
  }
  EXPECT_EQ(receiver->Stats().rx_packets, 700u);
}

TEST_P(ScatteredPortTest, SixtyFourKilobytesInLargerFrames) {
  SetMtu("65500");
  pool_ = support::MakePool({.frame_count = 2048, .frame_size = 4096, .slab_frames = 64});
  auto sender = Started("a", "x0");
  auto receiver = Started("b", "x1");
  ASSERT_TRUE(sender != nullptr && receiver != nullptr);
  const std::vector<std::size_t> lengths = {65514, 60, 40000};
  std::vector<Packet> burst;
  for (std::size_t index = 0; index < lengths.size(); ++index) Append(burst, Make(*pool_, lengths[index], index));
  Pass(*sender, *receiver, burst, lengths);
}

TEST_P(ScatteredPortTest, APortThatWasNotAskedToHasOneFrameAPacket) {
  auto one = Started("a", "x0", /*scattered=*/false);
  auto other = Started("b", "x1");
  ASSERT_TRUE(one != nullptr && other != nullptr);
  EXPECT_FALSE(one->scattered());
  EXPECT_FALSE(other->scattered()) << "MTU 1500 fits in one frame";
  std::vector<Packet> burst = Make(*pool_, 4000, 0);
  Append(burst, Make(*pool_, 100, 0));
  Pass(*one, *other, burst, {100});
  EXPECT_EQ(Counter(*one, "tx_q0_dropped_too_long"), 1u) << "of three frames, and more than the MTU";
  EXPECT_EQ(one->Stats().tx_dropped, 1u);
  EXPECT_EQ(one->Stats().tx_packets, 1u);
}

TEST_P(ScatteredPortTest, ProgramsThatDoNotAskAreRefusedALargerMtuAsBefore) {
  SetMtu("9000");
  const std::string port = std::string("net_af_xdp0,iface=x0,") + GetParam();
  const auto plain = Start(port, /*scattered=*/false);
  ASSERT_FALSE(plain.ok());
  EXPECT_THAT(plain.status().message(),
              HasSubstr("MTU 9000, and a frame of 2048 bytes with 256 bytes of headroom holds packets up to MTU 1774"));
  EXPECT_THAT(Start(port + ",sg=on", /*scattered=*/false).status().message(),
              HasSubstr("sg=on: this program does not take packets of several"));
  EXPECT_THAT(Start(port + ",sg=off", /*scattered=*/true).status().message(), HasSubstr("holds packets up to MTU 1774"));
  EXPECT_THAT(Start(port + ",bind_mode=zerocopy", /*scattered=*/true).status().message(),
              HasSubstr("no packets of several frames in zero-copy"));
}

TEST_P(ScatteredPortTest, OnAtAnyMtuIfAskedFor) {
  auto device = Start(std::string("net_af_xdp0,iface=x0,sg=on,") + GetParam(), true);
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_TRUE((*device)->scattered());
  EXPECT_TRUE((*device)->SetMtu(9000).ok());
  EXPECT_FALSE((*device)->SetMtu(40000).ok()) << "18 frames of 1792 bytes hold less";
}

TEST_P(ScatteredPortTest, AStoppedPortTakesALargerMtu) {
  auto device = Start(std::string("net_af_xdp0,iface=x0,") + GetParam(), true);
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_THAT((*device)->SetMtu(9000).message(), HasSubstr("stop the port first"));
  ASSERT_TRUE((*device)->Stop().ok());
  ASSERT_TRUE((*device)->SetMtu(9000).ok());
  ASSERT_TRUE((*device)->Start().ok());
  EXPECT_TRUE((*device)->scattered());
}

}  // namespace
}  // namespace pollux::pmd
