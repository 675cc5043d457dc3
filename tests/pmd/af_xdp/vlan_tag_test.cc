// SPDX-License-Identifier: Apache-2.0
// VLAN tags that the other end of a veth keeps beside its packets, as a VLAN interface there does, are in the packets here; what the
// kernel gets has its tag where it was.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "bpf/unique_fd.h"
#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/flow_table.h"
#include "tests/pmd/af_xdp/far_end_tag.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;
using support::Eventually;

constexpr uint16_t kTag = FarEndTag::kTag;

class VlanTagTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(2);
    ASSERT_NE(pair_, nullptr);
    ASSERT_TRUE(tag_.Attach("x1"));
    pool_ = support::MakePool();
    ASSERT_NE(pool_, nullptr);
    far_ = PacketSocket("x1");
    frame_ = support::PacketBuilder().Ethernet({}).Ipv4({}).Udp({.destination = 9}).FillTo(64).Build();
  }

  static bpf::UniqueFd PacketSocket(const char* interface) {
    bpf::UniqueFd descriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
    const int on = 1;
    setsockopt(descriptor.get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
    const sockaddr_ll address{.sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_ALL),
                              .sll_ifindex = static_cast<int>(if_nametoindex(interface)),
                              .sll_hatype = 0,
                              .sll_pkttype = 0,
                              .sll_halen = 0,
                              .sll_addr = {}};
    EXPECT_EQ(bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << std::strerror(errno);
    return descriptor;
  }

  void Open(const std::string& more) {
    auto device = AfXdpDevice::Open(*DeviceArguments::Parse("net_af_xdp0,iface=x0" + more));
    ASSERT_TRUE(device.ok()) << device.status();
    device_ = *std::move(device);
    ASSERT_TRUE(device_->Configure({.rx_queues = 1, .tx_queues = 1, .pool = pool_}).ok());
    const absl::Status status = device_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  FeatureState Report() const {
    for (const FeatureState& state : device_->Features()) {
      if (state.feature == kFeatureRxVlan) return state;
    }
    return {};
  }
  void SendFromTheFarEnd() {
    ASSERT_EQ(send(far_.get(), frame_.data(), frame_.size(), 0), static_cast<ssize_t>(frame_.size())) << std::strerror(errno);
  }
  // The next packet of the port; empty if none comes.
  std::vector<std::byte> ReceiveOne() {
    Packet packet;
    std::vector<std::byte> bytes;
    if (!Eventually([&] { return device_->rx_queue(0).Receive({&packet, 1}) == 1; })) return bytes;
    bytes.assign(packet.data, packet.data + packet.length);
    Pool::Free({&packet, 1});
    return bytes;
  }
  std::vector<std::byte> Tagged() const {
    std::vector<std::byte> bytes(frame_.begin(), frame_.begin() + 12);
    for (const int byte : {0x81, 0x00, kTag >> 8, kTag & 0xff}) bytes.push_back(std::byte(byte));
    bytes.insert(bytes.end(), frame_.begin() + 12, frame_.end());
    return bytes;
  }

  std::unique_ptr<support::VethPair> pair_;
  FarEndTag tag_;
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Device> device_;
  bpf::UniqueFd far_;
  std::vector<std::byte> frame_;
};

TEST_F(VlanTagTest, IsInThePacket) {
  Open("");
  EXPECT_EQ(Report().got, "put into the packet");
  SendFromTheFarEnd();
  EXPECT_EQ(ReceiveOne(), Tagged());
}

TEST_F(VlanTagTest, IsNotWithoutBeingAsked) {
  Open(",rx_vlan=off");
  SendFromTheFarEnd();
  EXPECT_EQ(ReceiveOne(), frame_);
}

TEST_F(VlanTagTest, RulesSeeIt) {
  Open(",steer=vlan 42");
  SendFromTheFarEnd();
  EXPECT_EQ(ReceiveOne(), Tagged());
}

TEST_F(VlanTagTest, WhoSharesTheProgramKnowsIt) {
  Open(",queue_count=1");
  const auto first = std::move(device_);
  Open(",start_queue=1,rx_vlan=off");
  EXPECT_EQ(Report().got, "as the process that attached the program has it") << Report().got;
  EXPECT_TRUE(Report().present);
}

TEST_F(VlanTagTest, APortWithFlowsHasItToo) {
  Open("");
  auto table = FlowTable::Create({.flows = 64});
  ASSERT_TRUE(table.ok()) << table.status();
  const absl::Status status = device_->UseFlows(*table, 0, FlowRole::kInputAndOutput);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Report().got, "put into the packet");
  SendFromTheFarEnd();
  EXPECT_EQ(ReceiveOne(), Tagged());
}

TEST_F(VlanTagTest, TheKernelGetsItAsItWas) {
  const bpf::UniqueFd near = PacketSocket("x0");
  Open(",steer=vlan 43");
  SendFromTheFarEnd();
  std::array<std::byte, 2048> bytes;
  std::array<char, 256> control;
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ssize_t length = -1;
  ASSERT_TRUE(Eventually([&] {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    return (length = recvmsg(near.get(), &message, 0)) > 0;
  }));
  EXPECT_EQ(std::vector<std::byte>(bytes.begin(), bytes.begin() + length), frame_);
  const cmsghdr* const item = CMSG_FIRSTHDR(&message);
  ASSERT_NE(item, nullptr);
  tpacket_auxdata beside;
  std::memcpy(&beside, CMSG_DATA(item), sizeof(beside));
  EXPECT_NE(beside.tp_status & TP_STATUS_VLAN_VALID, 0u);
  EXPECT_EQ(beside.tp_vlan_tci, kTag);
}

TEST_F(VlanTagTest, APortWithoutItSaysSo) {
  Open(",mode=skb");
  EXPECT_FALSE(Report().present);
  EXPECT_NE(Report().reason.find("tx-vlan-offload off"), std::string::npos) << Report().reason;
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
