// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/sink.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/tools/performance/rig/veth_fixture.h"

namespace pollux::performance {
namespace {

class SinkTest : public VethFixture {
 protected:
  void Open(const SinkOptions& options) {
    auto sink = Sink::Create(*right_, options);
    ASSERT_TRUE(sink.ok()) << sink.status();
    sink_ = *std::move(sink);
    socket_ = SocketIn(*left_, AF_PACKET, SOCK_RAW, 0);
    // An interface that just came up has a queueing discipline that drops everything until the kernel's link watch has seen the carrier.
    const int on = 1;
    ASSERT_EQ(setsockopt(socket_, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on), 0);
    unsigned index = 0;
    ASSERT_TRUE(left_->Call([&] { return index = if_nametoindex("plxsource"), absl::OkStatus(); }).ok());
    ASSERT_NE(index, 0u);
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(index);
    ASSERT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }

  void Send(uint8_t flow, uint64_t sequence, uint32_t magic = TRAFFIC_MAGIC) {
    std::array<uint8_t, 64> frame = {};
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[TRAFFIC_SOURCE_ADDRESS_OFFSET + 3] = flow;
    std::memcpy(frame.data() + TRAFFIC_SEQUENCE_OFFSET, &sequence, sizeof sequence);
    std::memcpy(frame.data() + TRAFFIC_MAGIC_OFFSET, &magic, sizeof magic);
    ASSERT_EQ(send(socket_, frame.data(), frame.size(), 0), 64);
  }

  SinkSnapshot Await(uint64_t packets) {
    auto snapshot =
        ReadUntil([&] { return sink_->Read(); },
                  [&](const auto& read) { return !read.ok() || (read->packets >= packets && read->interface_packets >= packets); });
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.value_or(SinkSnapshot{});
  }

  void TearDown() override {
    if (socket_ >= 0) close(socket_);
  }

  std::unique_ptr<Sink> sink_;
  int socket_ = -1;
};

TEST_F(SinkTest, CountsByProgramAndByInterface) {
  Open({.interface = "plxsink"});
  for (uint64_t i = 0; i < 5; ++i) Send(0, i);
  const SinkSnapshot snapshot = Await(5);
  EXPECT_EQ(snapshot.packets, 5u);
  EXPECT_EQ(snapshot.interface_packets, 5u);
}

TEST_F(SinkTest, APlainStackIsCountedByItsInterface) {
  Open({.interface = "plxsink", .receiver = Receiver::kStack});
  for (uint64_t i = 0; i < 5; ++i) Send(0, i);
  EXPECT_EQ(Await(5).packets, 5u);
}

TEST_F(SinkTest, OrderIsThatOfAFlow) {
  Open({.interface = "plxsink", .inspect = true});
  Send(1, 10);
  Send(2, 5);  // another flow: in order
  Send(1, 12);
  Send(1, 11);  // behind
  Send(1, 13);
  EXPECT_EQ(Await(5).packets, 5u);
  EXPECT_EQ(sink_->Read()->reordered, 1u);
}

TEST_F(SinkTest, ForeignFramesAreTold) {
  Open({.interface = "plxsink", .inspect = true});
  Send(0, 0, /*magic=*/1);
  EXPECT_EQ(Await(1).packets, 1u);
  EXPECT_EQ(sink_->Read()->foreign, 1u);
}

TEST_F(SinkTest, OnlyAProgramCanInspect) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(Sink::Create(*right_, {.interface = "plxsink", .receiver = Receiver::kStack, .inspect = true}).status()));
}

}  // namespace
}  // namespace pollux::performance
