// SPDX-License-Identifier: Apache-2.0
#include "tests/support/frame_socket.h"

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tests/support/veth_rig.h"

namespace pollux::support {
namespace {

using std::chrono::milliseconds;

// From the client's end of a pair to the switch's.
class FrameSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespace::MayCreate()) GTEST_SKIP() << "making network namespaces takes root";
    auto rig = VethRig::Create({.ports = 1, .ipv6 = false});
    ASSERT_TRUE(rig.ok()) << rig.status();
    rig_ = std::move(*rig);
    auto sender = FrameSocket::Open(rig_->client(0), VethRig::ClientInterface(0));
    ASSERT_TRUE(sender.ok()) << sender.status();
    sender_ = std::move(*sender);
    auto receiver = FrameSocket::Open(rig_->switch_namespace(), VethRig::PortInterface(0));
    ASSERT_TRUE(receiver.ok()) << receiver.status();
    receiver_ = std::move(*receiver);
  }

  std::unique_ptr<VethRig> rig_;
  std::unique_ptr<FrameSocket> sender_;
  std::unique_ptr<FrameSocket> receiver_;
};

TEST_F(FrameSocketTest, FramesArriveByteForByte) {
  const std::vector<FrameSocket::Frame> frames = {
      PacketBuilder().Ethernet().Ipv4().Udp().FillTo(60).Build(),
      PacketBuilder().Ethernet().Vlan(100, {.priority = 3}).Ipv4().Udp().FillTo(1518).Build(),
      PacketBuilder().Ethernet().Vlan(7, {.tag_protocol = 0x88a8}).Vlan(8).Ipv4().Udp().Payload(5).Build(),
  };
  for (const auto& frame : frames) {
    const absl::Status sent = sender_->Send(frame);
    ASSERT_TRUE(sent.ok()) << sent;
    const auto received = receiver_->Receive(milliseconds(2000));
    ASSERT_TRUE(received.ok()) << received.status();
    EXPECT_EQ(*received, frame);
  }
}

TEST_F(FrameSocketTest, UnwantedFramesAreSkipped) {
  const auto first = PacketBuilder().Ethernet().Ipv4().Udp().FillTo(60).Build(), second = PacketBuilder().Ethernet().Arp().Build();
  ASSERT_TRUE(sender_->Send(first).ok());
  ASSERT_TRUE(sender_->Send(second).ok());
  const auto wanted = receiver_->Receive([&](const auto& frame) { return frame == second; }, milliseconds(2000));
  EXPECT_TRUE(wanted.ok()) << wanted.status();
  EXPECT_EQ(receiver_->Receive(milliseconds(20)).status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(FrameSocketTest, AMissingInterfaceIsAnError) {
  const auto opened = FrameSocket::Open(rig_->client(0), "nosuch");
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kNotFound) << opened.status();
}

}  // namespace
}  // namespace pollux::support
