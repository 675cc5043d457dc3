// SPDX-License-Identifier: Apache-2.0
// What packets ask of the device that sends them, on a veth pair: the kernel finishes checksums and tells when it was done; what it would
// refuse never reaches it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "bpf/unique_fd.h"
#include "pmd/drivers.h"
#include "pmd/rx_metadata.h"
#include "pmd/tx_metadata.h"
#include "tests/pmd/af_xdp/unfinished_checksum.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd {
namespace {

using mempool::Pool;
using support::Eventually;
using Frame = support::PacketBuilder::Frame;

constexpr uint16_t kUdpStart = 34;  // behind Ethernet and IPv4
constexpr uint16_t kUdpField = 6;
constexpr TxMetadata kAskChecksum{.asks = TxMetadata::kChecksum, .checksum_start = kUdpStart, .checksum_offset = kUdpField};

class TxMetadataTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(1);
    ASSERT_NE(pair_, nullptr);
    pool_ = support::MakePool({.frame_count = 2048, .slab_frames = 64});
    ASSERT_NE(pool_, nullptr);
    finished_ = support::PacketBuilder().Ethernet({}).Ipv4({}).Udp({.destination = 9}).FillTo(201).Build();
    unfinished_ = support::Unfinished(finished_, 14, kUdpStart, 17);
    ASSERT_NE(finished_, unfinished_);
  }
  void TearDown() override {
    sender_.reset();
    receiver_.reset();
    if (pool_ != nullptr) {
      EXPECT_TRUE(support::FramesAreFree(*pool_));
    }
  }

  std::unique_ptr<Device> Start(const std::string& text) {
    auto device = OpenDevice(text);
    if (!device.ok()) return ADD_FAILURE() << device.status(), nullptr;
    absl::Status status = (*device)->Configure({.rx_ring = 512, .tx_ring = 256, .pool = pool_});
    if (status.ok()) status = (*device)->Start();
    if (!status.ok()) return ADD_FAILURE() << status, nullptr;
    return *std::move(device);
  }
  void StartSender(const std::string& metadata) {
    sender_ = Start("net_af_xdp_a,iface=x0," + std::string(GetParam()) + ",tx_metadata=" + metadata);
    ASSERT_NE(sender_, nullptr);
  }
  void StartReceiver(const std::string& more) {
    receiver_ = Start("net_af_xdp_b,iface=x1" + more);
    ASSERT_NE(receiver_, nullptr);
  }
  Packet Make(Pool& pool, const Frame& frame, const TxMetadata& metadata) {
    Packet packet = support::AllocatePackets(pool, 1).front();
    packet.length = static_cast<uint32_t>(frame.size());
    std::memcpy(packet.data, frame.data(), frame.size());
    if (metadata.asks != 0) {
      EXPECT_TRUE(AskDevice(pool, packet, metadata));
    }
    return packet;
  }
  // The device may have no room for a moment.
  void Send(std::vector<Packet> packets) {
    std::size_t sent = 0;
    EXPECT_TRUE(Eventually([&] { return (sent += sender_->tx_queue(0).Send(std::span(packets).subspan(sent))) == packets.size(); }));
    EXPECT_TRUE(Eventually([&] { return !sender_->tx_queue(0).Poll() && sender_->Stats().tx_pending == 0; })) << "a packet waits for good";
  }
  // The UDP packets that arrive.
  std::vector<Frame> Receive(std::size_t count) {
    std::vector<Frame> frames;
    EXPECT_TRUE(Eventually([&] {
      std::array<Packet, 32> packets;
      const std::size_t got = receiver_->rx_queue(0).Receive(packets);
      for (const Packet& packet : std::span(packets).first(got)) {
        if (packet.length > 24 && packet.data[23] == std::byte{17}) frames.emplace_back(packet.data, packet.data + packet.length);
      }
      Pool::Free({packets.data(), got});
      return frames.size() >= count;
    })) << frames.size()
        << " of " << count;
    return frames;
  }
  uint64_t Counter(const std::string& name) const {
    for (const NamedCounter& counter : sender_->ExtendedStats()) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  std::unique_ptr<support::VethPair> pair_;
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Device> sender_, receiver_;
  Frame finished_, unfinished_;
};
INSTANTIATE_TEST_SUITE_P(Engines, TxMetadataTest, testing::Values("tx=ring", "tx=inject"),
                         [](const auto& info) { return std::string(info.param).substr(3); });

TEST_P(TxMetadataTest, ANetworkStackTakesTheChecksumAsItsOwnSendersLeaveIt) {
  pair_->Run({"ip", "addr", "add", "10.0.0.2/24", "dev", "x1"});
  const std::string mac = pair_->Run({"cat", "/sys/class/net/x1/address"});
  finished_ = support::PacketBuilder().Ethernet({.destination = mac.substr(0, 17)}).Ipv4({}).Udp({.destination = 9}).FillTo(201).Build();
  unfinished_ = support::Unfinished(finished_, 14, kUdpStart, 17);
  const bpf::UniqueFd listener(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  ASSERT_EQ(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0) << std::strerror(errno);
  StartSender("checksum");
  EXPECT_TRUE(sender_->tx_offloads().checksum);
  Send({Make(*pool_, unfinished_, kAskChecksum), Make(*pool_, finished_, {}), Make(*pool_, unfinished_, kAskChecksum)});
  std::size_t datagrams = 0;
  EXPECT_TRUE(Eventually([&] {
    std::array<char, 2048> bytes;
    const ssize_t length = recv(listener.get(), bytes.data(), bytes.size(), 0);
    if (length > 0) {
      EXPECT_EQ(length, static_cast<ssize_t>(finished_.size()) - 42);
      ++datagrams;
    }
    return datagrams == 3;
  })) << datagrams;
  EXPECT_EQ(Counter("tx_q0_with_metadata"), 2u);
  EXPECT_EQ(Counter("tx_q0_checksums_finished"), 0u);
}

TEST_P(TxMetadataTest, AnotherPortCompletesWhatAVethPassesOn) {
  StartReceiver("");
  StartSender("checksum");
  Send({Make(*pool_, unfinished_, kAskChecksum), Make(*pool_, finished_, {})});
  EXPECT_EQ(Receive(2), (std::vector<Frame>{finished_, finished_}));
}

TEST_P(TxMetadataTest, TheKernelComputesItBeforeAProgramSeesThePacket) {
  StartReceiver(",rx_checksum=keep");
  StartSender("sw_checksum");
  Send({Make(*pool_, unfinished_, kAskChecksum), Make(*pool_, finished_, {})});
  EXPECT_EQ(Receive(2), (std::vector<Frame>{finished_, finished_}));
  EXPECT_EQ(Counter("tx_q0_with_metadata"), 1u);
}

TEST_P(TxMetadataTest, APortWithoutItFinishesChecksumsItself) {
  StartReceiver(",rx_checksum=keep");
  StartSender("off");
  EXPECT_FALSE(sender_->tx_offloads().any());
  Send({Make(*pool_, unfinished_, kAskChecksum), Make(*pool_, finished_, {})});
  EXPECT_EQ(Receive(2), (std::vector<Frame>{finished_, finished_}));
  EXPECT_EQ(Counter("tx_q0_checksums_finished"), 1u);
  EXPECT_EQ(Counter("tx_q0_with_metadata"), 0u);
}

TEST_P(TxMetadataTest, WhatTheKernelWouldRefuseIsSentWithoutAndStopsNothing) {
  StartReceiver(",rx_checksum=keep");
  StartSender("sw_checksum");
  TxMetadata behind_the_end = kAskChecksum;
  behind_the_end.checksum_start = 200;
  TxMetadata unknown = kAskChecksum;
  unknown.asks |= uint64_t{1} << 40;
  TxMetadata not_granted = kAskChecksum;
  not_granted.asks |= TxMetadata::kLaunchTime;
  not_granted.launch_time = 1;
  Send({Make(*pool_, unfinished_, behind_the_end), Make(*pool_, unfinished_, unknown), Make(*pool_, unfinished_, not_granted),
        Make(*pool_, finished_, {})});
  EXPECT_EQ(Receive(4), (std::vector<Frame>{finished_, finished_, finished_, finished_}));
  EXPECT_EQ(Counter("tx_q0_metadata_out_of_range"), 1u);
  EXPECT_EQ(Counter("tx_q0_metadata_unavailable"), 2u);
  EXPECT_EQ(Counter("tx_q0_with_metadata"), 2u);
  EXPECT_EQ(Counter("tx_q0_invalid_descriptors"), 0u);
}

TEST_P(TxMetadataTest, PacketsAtTheStartOfTheirFramesArrive) {
  StartReceiver(",rx_checksum=keep");
  StartSender("sw_checksum");
  std::vector<Packet> packets = {Make(*pool_, finished_, {}), Make(*pool_, unfinished_, {}), Make(*pool_, unfinished_, kAskChecksum)};
  // The third asks, and is moved: what it asked cannot be read any more.
  packets[1].flags |= Packet::kTxMetadata;
  for (Packet& packet : packets) {
    std::memmove(packet.data - pool_->headroom() + 8, packet.data, packet.length);
    packet.data -= pool_->headroom() - 8;
  }
  packets.push_back(Make(*pool_, finished_, {}));
  Send(packets);
  EXPECT_EQ(Receive(4), (std::vector<Frame>{finished_, finished_, finished_, finished_}));
  EXPECT_EQ(Counter("tx_q0_metadata_no_room"), 2u);
  EXPECT_EQ(Counter("tx_q0_invalid_descriptors"), 0u);
}

TEST_P(TxMetadataTest, AForeignPacketIsCopiedWithWhatItAsks) {
  StartReceiver(",rx_checksum=keep");
  StartSender("sw_checksum");
  const auto foreign = support::MakePool({.frame_count = 256, .slab_frames = 16});
  ASSERT_NE(foreign, nullptr);
  Send({Make(*foreign, unfinished_, kAskChecksum), Make(*foreign, finished_, {})});
  EXPECT_EQ(Receive(2), (std::vector<Frame>{finished_, finished_}));
  EXPECT_EQ(Counter("tx_q0_with_metadata"), 1u);
  EXPECT_EQ(Counter("tx_q0_checksums_finished"), 0u);
  EXPECT_TRUE(support::FramesAreFree(*foreign));
}

// Both lie in the same 32 bytes in front of a packet.
TEST_P(TxMetadataTest, WhatADeviceToldGivesWayToWhatThePacketAsks) {
  StartReceiver(",rx_checksum=keep,rx_metadata=hash,tx=ring,tx_metadata=sw_checksum");
  StartSender("sw_checksum,rx_checksum=keep,rx_metadata=hash");
  const auto receive_one = [](Device& device) {
    Packet packet;
    std::size_t count = 0;
    EXPECT_TRUE(Eventually([&] {
      count = device.rx_queue(0).Receive({&packet, 1});
      if (count == 0 || (packet.length > 24 && packet.data[23] == std::byte{17})) return count == 1;
      Pool::Free({&packet, 1});
      return false;
    }));
    return packet;
  };
  const auto expect_finished_and_hashed = [&](const Packet& packet) {
    EXPECT_EQ(Frame(packet.data, packet.data + packet.length), finished_);
    const auto told = ReadRxMetadata(packet);
    EXPECT_TRUE(told && told->valid == RxMetadata::kHash && told->hash != 0);
  };
  const auto send_back = [&](const Packet& packet) {
    ASSERT_TRUE(Eventually([&] { return receiver_->tx_queue(0).Send({&packet, 1}) == 1; }));
    EXPECT_TRUE(Eventually([&] { return !receiver_->tx_queue(0).Poll() && receiver_->Stats().tx_pending == 0; }));
  };
  Send({Make(*pool_, unfinished_, kAskChecksum), Make(*pool_, finished_, {})});

  // Sent on as it is, what was told is no request.
  Packet packet = receive_one(*receiver_);
  expect_finished_and_hashed(packet);
  EXPECT_EQ(packet.flags, Packet::kRxMetadata);
  send_back(packet);
  packet = receive_one(*sender_);
  expect_finished_and_hashed(packet);
  Pool::Free({&packet, 1});

  // A request takes its place, and nothing of what was told is left.
  packet = receive_one(*receiver_);
  expect_finished_and_hashed(packet);
  std::memcpy(packet.data, unfinished_.data(), unfinished_.size());
  ASSERT_TRUE(AskDevice(*pool_, packet, kAskChecksum));
  EXPECT_EQ(packet.flags, Packet::kTxMetadata);
  EXPECT_FALSE(ReadRxMetadata(packet).has_value());
  send_back(packet);
  packet = receive_one(*sender_);
  expect_finished_and_hashed(packet);
  Pool::Free({&packet, 1});
  uint64_t asked = 0;
  for (const NamedCounter& counter : receiver_->ExtendedStats()) asked += counter.name == "tx_q0_with_metadata" ? counter.value : 0;
  EXPECT_EQ(asked, 1u);
}

TEST_P(TxMetadataTest, TimesComeBackWithTheirCookies) {
  StartReceiver("");
  StartSender("[checksum,timestamp]");
  EXPECT_TRUE(sender_->tx_offloads().timestamp);
  timespec now{};
  clock_gettime(CLOCK_TAI, &now);
  const uint64_t before = static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
  TxMetadata both = kAskChecksum;
  both.asks |= TxMetadata::kTimestamp;
  both.cookie = 7;
  Send({Make(*pool_, unfinished_, both), Make(*pool_, unfinished_, kAskChecksum),
        Make(*pool_, finished_, {.asks = TxMetadata::kTimestamp, .cookie = 8})});
  EXPECT_EQ(Receive(3), (std::vector<Frame>{finished_, finished_, finished_}));
  std::array<TxTimestamp, 4> stamps;
  ASSERT_EQ(sender_->tx_queue(0).TakeTimestamps(stamps), 2u);
  EXPECT_EQ(stamps[0].cookie, 7u);
  EXPECT_EQ(stamps[1].cookie, 8u);
  for (const TxTimestamp& stamp : std::span(stamps).first(2)) {
    EXPECT_GE(stamp.time, before);
    EXPECT_LT(stamp.time, before + 60'000'000'000);
  }
  EXPECT_EQ(sender_->tx_queue(0).TakeTimestamps(stamps), 0u);
}

TEST_P(TxMetadataTest, WhatWasGotIsReported) {
  StartSender("[checksum,timestamp,launch_time]");
  EXPECT_TRUE(CheckRequired(sender_->Features(), {"tx_checksum", "tx_timestamp"}).ok());
  EXPECT_FALSE(CheckRequired(sender_->Features(), {"tx_launch_time"}).ok());
  EXPECT_FALSE(sender_->tx_offloads().launch_time);
  ASSERT_NO_FATAL_FAILURE(sender_.reset());
  StartSender("off");
  EXPECT_FALSE(CheckRequired(sender_->Features(), {"tx_checksum"}).ok());
  for (const char* wrong : {"", "[checksum,]", "[checksum,sw_checksum]", "[timestamp,timestamp]", "[off,timestamp]", "[]", "speed"}) {
    EXPECT_FALSE(OpenDevice("net_af_xdp_c,iface=x0,tx_metadata=" + std::string(wrong)).ok()) << wrong;
  }
}

// The words are big-endian on the wire: 0x0102 + 0x0304 + 0x0500, over an odd end and two frames.
TEST(FinishChecksum, SumsOverFramesOfOddLength) {
  const auto pool = support::MakePool({.frame_count = 64, .slab_frames = 16});
  ASSERT_NE(pool, nullptr);
  std::vector<Packet> frames = support::AllocatePackets(*pool, 2);
  std::memset(frames[0].data, 0, 64);
  const uint8_t head[] = {0, 0, 1}, tail[] = {2, 3, 4, 5};
  std::memcpy(frames[0].data + 14, head, sizeof(head));
  std::memcpy(frames[1].data, tail, sizeof(tail));
  frames[0].length = 17;
  frames[1].length = 4;
  EXPECT_FALSE(FinishChecksum(frames, 13, 0));
  EXPECT_FALSE(FinishChecksum(frames, 14, 2)) << "the field is not in the first frame";
  ASSERT_TRUE(FinishChecksum(frames, 14, 0));
  const uint16_t expected = static_cast<uint16_t>(~(0x0102 + 0x0304 + 0x0500));
  EXPECT_EQ(static_cast<uint8_t>(frames[0].data[14]), expected >> 8);
  EXPECT_EQ(static_cast<uint8_t>(frames[0].data[15]), expected & 0xFF);
  Pool::Free(frames);
}

}  // namespace
}  // namespace pollux::pmd
