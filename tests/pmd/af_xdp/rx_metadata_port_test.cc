// SPDX-License-Identifier: Apache-2.0
// What a veth tells of the packets of its other end, by the way of the program, the frame and Packet.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "bpf/unique_fd.h"
#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/flow_table.h"
#include "pmd/rx_metadata.h"
#include "tests/pmd/af_xdp/far_end_tag.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;
using support::Eventually;
using testing::HasSubstr;

constexpr const char* kEverything = ",rx_metadata=[timestamp,hash,vlan]";

class RxMetadataPortTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(1);
    ASSERT_NE(pair_, nullptr);
    pool_ = support::MakePool({.frame_count = 4096, .slab_frames = 64});
    ASSERT_NE(pool_, nullptr);
    far_ = bpf::UniqueFd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(far_);
  }
  void TearDown() override {
    device_.reset();
    if (pool_ != nullptr) {
      EXPECT_TRUE(support::FramesAreFree(*pool_));
    }
  }

  void Open(const std::string& more, DeviceConfig config = {}) {
    auto device = AfXdpDevice::Open(*DeviceArguments::Parse("net_af_xdp0,iface=x0" + more));
    ASSERT_TRUE(device.ok()) << device.status();
    device_ = *std::move(device);
    config.rx_ring = 512;
    config.tx_ring = 256;
    config.pool = pool_;
    ASSERT_TRUE(device_->Configure(config).ok());
    const absl::Status status = device_->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  FeatureState Report() const {
    for (const FeatureState& state : device_->Features()) {
      if (state.feature == kFeatureRxMetadata) return state;
    }
    ADD_FAILURE() << "no row";
    return {};
  }
  static std::vector<std::byte> Frame(uint16_t source_port, std::size_t length = 64) {
    return support::PacketBuilder().Ethernet({}).Ipv4({}).Udp({.source = source_port, .destination = 9}).FillTo(length).Build();
  }
  // Sends one packet from the other end and receives it; its elements are freed by the next call.
  std::span<Packet> Pass(const std::vector<std::byte>& frame) {
    Pool::Free(burst_);
    burst_ = {};
    const sockaddr_ll address{.sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_IP),
                              .sll_ifindex = static_cast<int>(if_nametoindex("x1")),
                              .sll_hatype = 0,
                              .sll_pkttype = 0,
                              .sll_halen = 0,
                              .sll_addr = {}};
    EXPECT_EQ(sendto(far_.get(), frame.data(), frame.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              static_cast<ssize_t>(frame.size()))
        << std::strerror(errno);
    EXPECT_TRUE(Eventually([&] {
      burst_ = std::span(packets_.data(), device_->rx_queue(0).Receive(packets_));
      return !burst_.empty();
    }));
    return burst_;
  }
  std::optional<RxMetadata> MetadataOf(const std::vector<std::byte>& frame) {
    const auto burst = Pass(frame);
    auto metadata = burst.empty() ? std::nullopt : ReadRxMetadata(burst.front());
    Pool::Free(std::exchange(burst_, {}));
    return metadata;
  }
  void ExpectHash() {
    const auto metadata = MetadataOf(Frame(1));
    ASSERT_TRUE(metadata.has_value());
    EXPECT_EQ(metadata->valid, RxMetadata::kHash);
    EXPECT_NE(metadata->hash, 0u);
  }

  std::unique_ptr<support::VethPair> pair_;
  FarEndTag tag_;
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Device> device_;
  bpf::UniqueFd far_;
  std::array<Packet, 32> packets_;
  std::span<Packet> burst_;
};

TEST_F(RxMetadataPortTest, NothingIsAskedByItself) {
  Open("");
  EXPECT_EQ(device_->rx_metadata(), 0u);
  EXPECT_FALSE(Report().present);
  EXPECT_EQ(Report().asked, "off");  // no finding, for those who list what was asked for and is missing
  EXPECT_EQ(Report().reason, "not asked for");
  EXPECT_FALSE(MetadataOf(Frame(1)).has_value());
}

TEST_F(RxMetadataPortTest, AHashIsThatOfItsFlow) {
  Open(",rx_metadata=hash");
  EXPECT_EQ(device_->rx_metadata(), RxMetadata::kHash);
  EXPECT_TRUE(CheckRequired(device_->Features(), {kFeatureRxMetadata}).ok());
  const auto first = MetadataOf(Frame(1)), same = MetadataOf(Frame(1, 200)), other = MetadataOf(Frame(2));
  ASSERT_TRUE(first && same && other);
  EXPECT_EQ(first->valid, RxMetadata::kHash);
  EXPECT_EQ(first->hash_type, RxMetadata::kHashOfPorts);
  EXPECT_EQ(first->hash, same->hash);
  EXPECT_NE(first->hash, other->hash);
}

TEST_F(RxMetadataPortTest, WhatAPacketDoesNotHaveIsNotValid) {
  Open(kEverything);
  EXPECT_EQ(device_->rx_metadata(), RxMetadata::kAll);
  EXPECT_EQ(Report().got, "timestamp, hash, vlan");
  ExpectHash();  // no tag, and what a process sends has no time of arrival at a device
}

TEST_F(RxMetadataPortTest, ATagIsToldAndPutIntoThePacket) {
  ASSERT_TRUE(tag_.Attach("x1"));
  Open(kEverything);
  const auto burst = Pass(Frame(1));
  ASSERT_EQ(burst.size(), 1u);
  EXPECT_EQ(burst[0].length, 68u);
  EXPECT_EQ(static_cast<uint8_t>(burst[0].data[12]), 0x81);
  const auto metadata = ReadRxMetadata(burst[0]);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_EQ(metadata->valid, RxMetadata::kHash | RxMetadata::kVlanTag);
  EXPECT_EQ(metadata->vlan_protocol, ETH_P_8021Q);
  EXPECT_EQ(metadata->vlan_control, FarEndTag::kTag);
  Pool::Free(std::exchange(burst_, {}));
}

TEST_F(RxMetadataPortTest, ATagIsToldAloneWithoutRxVlan) {
  ASSERT_TRUE(tag_.Attach("x1"));
  Open(",rx_metadata=vlan,rx_vlan=off");
  const auto frame = Frame(1);
  const auto burst = Pass(frame);
  ASSERT_EQ(burst.size(), 1u);
  EXPECT_TRUE(std::equal(frame.begin(), frame.end(), burst[0].data, burst[0].data + burst[0].length));
  const auto metadata = ReadRxMetadata(burst[0]);
  ASSERT_TRUE(metadata.has_value());
  EXPECT_EQ(metadata->valid, RxMetadata::kVlanTag);
  EXPECT_EQ(metadata->vlan_control, FarEndTag::kTag);
  Pool::Free(std::exchange(burst_, {}));
}

TEST_F(RxMetadataPortTest, AProgramAsksByItsConfiguration) {
  Open("", {.rx_metadata = RxMetadata::kHash});
  EXPECT_EQ(Report().asked, "hash");
  ExpectHash();
}

TEST_F(RxMetadataPortTest, OffIsOffWhateverAProgramAsks) {
  Open(",rx_metadata=off", {.rx_metadata = RxMetadata::kHash});
  EXPECT_EQ(device_->rx_metadata(), 0u);
  EXPECT_EQ(Report().asked, "off");
  EXPECT_FALSE(MetadataOf(Frame(1)).has_value());
}

TEST_F(RxMetadataPortTest, WithSteeringToo) {
  Open(",rx_metadata=hash,steer=udp dst 9");
  ExpectHash();
}

TEST_F(RxMetadataPortTest, WithFlowsToo) {
  Open(",rx_metadata=hash");
  auto table = FlowTable::Create({.flows = 64});
  ASSERT_TRUE(table.ok()) << table.status();
  const absl::Status status = device_->UseFlows(*table, 0, FlowRole::kInputAndOutput);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Report().present);
  ExpectHash();
}

TEST_F(RxMetadataPortTest, OfSeveralFramesTheFirstHasIt) {
  for (const char* interface : {"x0", "x1"}) pair_->Run({"ip", "link", "set", interface, "mtu", "9000"});
  Open(",rx_metadata=hash", {.scattered = true});
  ASSERT_TRUE(device_->scattered());
  const auto frame = Frame(1, 5000);
  const auto burst = Pass(frame);
  ASSERT_EQ(burst.size(), 3u);
  std::size_t at = 0;
  for (const Packet& element : burst) {
    EXPECT_TRUE(std::equal(element.data, element.data + element.length, frame.data() + at)) << at;
    EXPECT_EQ(ReadRxMetadata(element).has_value(), at == 0);
    at += element.length;
  }
  EXPECT_EQ(at, frame.size());
  Pool::Free(std::exchange(burst_, {}));
}

TEST_F(RxMetadataPortTest, WhatCannotBeHadIsToldAndAnErrorIfRequired) {
  Open(",mode=skb,rx_metadata=[hash,timestamp]");
  EXPECT_EQ(device_->rx_metadata(), 0u);
  EXPECT_EQ(Report().got, "none");
  const absl::Status status = CheckRequired(device_->Features(), {kFeatureRxMetadata});
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot ask for: timestamp, hash"));
  EXPECT_FALSE(MetadataOf(Frame(1)).has_value());
}

TEST_F(RxMetadataPortTest, WhoSharesTheProgramHasWhatItLeaves) {
  pair_ = nullptr;
  pair_ = support::VethPair::Create(2);
  ASSERT_NE(pair_, nullptr);
  Open(",queue_count=1,rx_metadata=hash");
  const auto first = std::move(device_);
  Open(",start_queue=1,rx_metadata=[hash,vlan]");
  EXPECT_EQ(device_->rx_metadata(), RxMetadata::kHash);
  EXPECT_THAT(Report().reason, HasSubstr("does not ask for: vlan"));
  device_.reset();
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
