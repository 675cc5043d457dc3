// SPDX-License-Identifier: Apache-2.0
// What net_af_xdp does beyond the contract suite: settings, features, devices that go and come, errors of bad input.
#include "pmd/af_xdp/af_xdp_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "pmd/af_xdp/local_interface.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

class AfXdpDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    pair_ = support::VethPair::Create(2);
    ASSERT_NE(pair_, nullptr);
    pool_ = support::MakePool({.frame_count = 4096, .slab_frames = 64});
  }

  absl::StatusOr<std::unique_ptr<Device>> Open(const std::string& text) {
    auto arguments = DeviceArguments::Parse(text);
    if (!arguments.ok()) return arguments.status();
    return AfXdpDevice::Open(*std::move(arguments));
  }
  std::unique_ptr<Device> Started(const std::string& text, DeviceConfig config = {}) {
    auto device = Open(text);
    if (!device.ok()) return ADD_FAILURE() << device.status(), nullptr;
    config.pool = config.pool ? config.pool : pool_;
    config.rx_ring = config.tx_ring = 256;
    absl::Status status = (*device)->Configure(config);
    if (status.ok()) status = (*device)->Start();
    EXPECT_TRUE(status.ok()) << status;
    return *std::move(device);
  }
  // The error of configuring and starting, and that it leaves no program behind.
  std::string StartError(const std::string& text, DeviceConfig config = {}) {
    std::string message;
    {
      auto device = Open(text);
      if (!device.ok()) return std::string(device.status().message());
      config.pool = config.pool ? config.pool : pool_;
      absl::Status status = (*device)->Configure(config);
      if (status.ok()) status = (*device)->Start();
      EXPECT_FALSE(status.ok()) << text;
      message = std::string(status.message());
    }
    EXPECT_EQ(pair_->Run({"ip", "-d", "link", "show", "x0"}).find("xdp"), std::string::npos) << text;
    EXPECT_EQ(pool_->FreeCount(), pool_->frame_count()) << text;
    return message;
  }
  // Sends `count` packets from one device and receives them on the other.
  std::size_t Pass(Device& from, Device& to, std::size_t count) {
    std::vector<Packet> packets(count);
    EXPECT_EQ(pool_->Allocate(packets), count);
    for (std::size_t index = 0; index < count; ++index) support::WriteContents(packets[index], 100, index);
    const std::size_t sent = from.tx_queue(0).Send(packets);
    Pool::Free(std::span(packets).subspan(sent));
    std::size_t received = 0;
    for (int waited_ms = 0; received < sent && waited_ms < 2000; ++waited_ms) {
      std::array<Packet, 32> burst;
      const std::size_t got = to.rx_queue(0).Receive(burst);
      Pool::Free({burst.data(), got});
      received += got;
      from.tx_queue(0).Send({});
      if (got == 0) poll(nullptr, 0, 1);
    }
    return received;
  }
  template <typename Condition>
  static bool WaitUntil(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(10));
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
    }
    return true;
  }
  static uint64_t Counter(const Device& device, const std::string& name) {
    for (const NamedCounter& counter : device.ExtendedStats()) {
      if (counter.name == name) return counter.value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  std::unique_ptr<support::VethPair> pair_;
  std::shared_ptr<Pool> pool_;
};

TEST_F(AfXdpDeviceTest, PortsOfOnePoolForwardWithoutACopy) {
  auto first = Started("net_af_xdp0,iface=x0");
  auto second = Started("net_af_xdp1,iface=x1");
  ASSERT_EQ(Pass(*first, *second, 32), 32u);
  // What second receives it sends back: the same frames.
  std::vector<Packet> packets(16);
  ASSERT_EQ(pool_->Allocate(packets), packets.size());
  for (Packet& packet : packets) packet.length = 60;
  ASSERT_EQ(first->tx_queue(0).Send(packets), packets.size());
  std::array<Packet, 16> burst;
  std::size_t count = 0;
  for (int waited_ms = 0; count < burst.size() && waited_ms < 2000; ++waited_ms) {
    count += second->rx_queue(0).Receive(std::span(burst).subspan(count));
    poll(nullptr, 0, 1);
  }
  ASSERT_EQ(count, burst.size());
  EXPECT_EQ(second->tx_queue(0).Send(burst), burst.size());
  EXPECT_EQ(Counter(*second, "tx_q0_copied"), 0u);
}

TEST_F(AfXdpDeviceTest, ReportsWhatWasGot) {
  auto device = Started("net_af_xdp0,iface=x0,mode=drv");
  const auto features = device->Features();
  EXPECT_TRUE(CheckRequired(features, {"native", "need_wakeup", "numa"}).ok());
  // Before Linux 6.3 the driver does not tell beforehand, and says no when it is asked.
  EXPECT_THAT(std::string(CheckRequired(features, {"zerocopy"}).message()),
              AllOf(HasSubstr("zerocopy is missing on queue 0: asked auto, got copy; the driver "),
                    AnyOf(HasSubstr("the driver has no zero-copy"), HasSubstr("the driver refused zero-copy"))));
  EXPECT_FALSE(CheckRequired(features, {"busy_poll"}).ok());
}

TEST_F(AfXdpDeviceTest, BusyPollingWithoutNapiIsNotClaimed) {
  auto device = Started("net_af_xdp0,iface=x0,busy_budget=64");
  for (const FeatureState& state : device->Features()) {
    if (state.feature != kFeatureBusyPoll) continue;
    EXPECT_EQ(state.asked, "budget 64");
    EXPECT_EQ(state.present, state.reason.empty()) << state.reason;
  }
}

TEST_F(AfXdpDeviceTest, SettingsComeBack) {
  const auto before = pair_->Run({"ip", "-d", "link", "show"});
  {
    auto device = Started("net_af_xdp0,iface=x0", {.promiscuous = true});
    EXPECT_THAT(pair_->Run({"ip", "-d", "link", "show", "x0"}), HasSubstr("promiscuity 1"));
    ASSERT_TRUE(device->SetMtu(1400).ok());
    ASSERT_TRUE(device->SetMac({{2, 0, 0, 0, 0, 7}}).ok());
    EXPECT_EQ(device->Info().mtu, 1400u);
    EXPECT_EQ(device->Info().mac.ToString(), "02:00:00:00:00:07");
  }
  EXPECT_EQ(pair_->Run({"ip", "-d", "link", "show"}), before);
}

TEST_F(AfXdpDeviceTest, JumboFramesAreRefusedWithTheLimit) {
  auto device = Started("net_af_xdp0,iface=x0");
  EXPECT_THAT(std::string(device->SetMtu(9000).message()),
              HasSubstr("MTU 9000: a frame of 2048 bytes with 256 bytes of headroom holds packets up to MTU 1774"));
  device.reset();
  pair_->Run({"ip", "link", "set", "x0", "mtu", "3000"});
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0"),
              HasSubstr("MTU 3000, and a frame of 2048 bytes with 256 bytes of headroom holds packets up to MTU 1774"));
}

TEST_F(AfXdpDeviceTest, LongerFramesTakeALongerMtu) {
  pool_ = support::MakePool({.frame_count = 2048, .frame_size = 4096, .headroom = 512, .slab_frames = 64});
  for (const char* name : {"x0", "x1"}) pair_->Run({"ip", "link", "set", name, "mtu", "3000"});
  auto first = Started("net_af_xdp0,iface=x0");
  auto second = Started("net_af_xdp1,iface=x1");
  std::array<Packet, 1> packet;
  ASSERT_EQ(pool_->Allocate(packet), 1u);
  support::WriteContents(packet[0], 3014, 5);
  ASSERT_EQ(first->tx_queue(0).Send(packet), 1u);
  std::array<Packet, 1> received;
  std::size_t count = 0;
  for (int waited_ms = 0; count == 0 && waited_ms < 2000; ++waited_ms) {
    count = second->rx_queue(0).Receive(received);
    poll(nullptr, 0, 1);
  }
  ASSERT_EQ(count, 1u);
  EXPECT_TRUE(support::HasContents(received[0], 3014, 5));
  EXPECT_EQ(pool_->Headroom(received[0]), 512u) << "all of the headroom is there for the application";
  Pool::Free(received);
}

TEST_F(AfXdpDeviceTest, GoesOnAfterDownAndUp) {
  auto first = Started("net_af_xdp0,iface=x0");
  auto second = Started("net_af_xdp1,iface=x1");
  ASSERT_EQ(Pass(*first, *second, 10), 10u);
  pair_->Run({"ip", "link", "set", "x0", "down"});
  EXPECT_FALSE(first->Link()->up);
  std::vector<Packet> packets(8);
  ASSERT_EQ(pool_->Allocate(packets), packets.size());
  for (Packet& packet : packets) packet.length = 60;
  ASSERT_EQ(first->tx_queue(0).Send(packets), packets.size());
  EXPECT_GT(Counter(*first, "tx_q0_kicks_link_down"), 0u);
  pair_->Run({"ip", "link", "set", "x0", "up"});
  EXPECT_EQ(Pass(*first, *second, 10), 10u) << "none of the eight comes late";
  EXPECT_EQ(Counter(*first, "tx_q0_dropped_link_down"), 8u);
  EXPECT_EQ(first->Stats().tx_dropped, 8u);
  EXPECT_EQ(Pass(*second, *first, 10), 10u);
}

// The kernel takes a socket apart some time after its process has ended; on a busy machine that was seen to take half a minute. Here one
// without a program stands for it, for longer than others' sockets are waited for.
TEST_F(AfXdpDeviceTest, AQueueThatNobodyElseCanHaveIsWaitedFor) {
  auto rest = support::MakePool({.frame_count = 64, .slab_frames = 16});
  auto socket = XskSocket::Create("x0", 0, UmemLayout::Of(*rest), {.rx = 64, .tx = 64, .fill = 64, .completion = 64}, nullptr);
  ASSERT_TRUE(socket.ok()) << socket.status();
  const int index = static_cast<int>(if_nametoindex("x0"));
  ASSERT_TRUE((*socket)->Bind(index, CopyMode::kCopy, true).ok());
  std::thread release([&] {
    poll(nullptr, 0, 3500);
    socket->reset();
  });
  auto device = Started("net_af_xdp0,iface=x0,tx=ring");
  release.join();
  auto peer = Started("net_af_xdp1,iface=x1");
  EXPECT_EQ(Pass(*device, *peer, 10), 10u);
}

// Five rings' worth of packets, to a port that nobody empties.
TEST_F(AfXdpDeviceTest, WhatTheKernelDroppedIsMissedBeforeAndAfterStop) {
  constexpr std::size_t kBursts = 40, kEach = 32;
  auto first = Started("net_af_xdp0,iface=x0,tx=ring");
  auto second = Started("net_af_xdp1,iface=x1");
  for (std::size_t burst = 0; burst < kBursts; ++burst) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, kEach);
    for (Packet& packet : packets) packet.length = 60;
    ASSERT_EQ(first->tx_queue(0).Send(packets), kEach);
    WaitUntil([&] { return !first->tx_queue(0).Poll(); });
  }
  const auto missed = [&] { return second->Stats().rx_missed; };
  std::array<Packet, 50> some;
  ASSERT_EQ(second->rx_queue(0).Receive(some), some.size());
  Pool::Free(some);
  const uint64_t dropped = missed();
  EXPECT_GT(dropped, 0u);
  ASSERT_TRUE(second->Stop().ok());
  EXPECT_EQ(second->Stats().rx_packets, some.size());
  EXPECT_EQ(missed(), kBursts * kEach - some.size()) << "what the kernel dropped, and what was discarded";
  EXPECT_EQ(Counter(*second, "rx_q0_discarded_at_stop"), missed() - dropped);
}

// With more frames to fill than places in the rx ring the kernel drops for want of a place, under a counter of its own.
TEST_F(AfXdpDeviceTest, WhatFindsTheRxRingFullIsMissedToo) {
  constexpr std::size_t kSent = 200, kRing = 64;
  auto interface = LocalInterface::Open("x1");
  ASSERT_TRUE(interface.ok()) << interface.status();
  auto program = (*interface)->Attach({});
  ASSERT_TRUE(program.ok()) << program.status();
  QueuePair pair(0, {.interface = "x1", .sizes = {.rx = kRing, .tx = kRing, .fill = 512, .completion = kRing}}, **interface, pool_,
                 XskCalls::Kernel());
  const absl::Status started = pair.Start(nullptr, **program, 1518, "", false);
  ASSERT_TRUE(started.ok()) << started;
  auto sender = Started("net_af_xdp0,iface=x0,tx=ring");
  std::vector<Packet> packets = support::AllocatePackets(*pool_, kSent);
  for (Packet& packet : packets) packet.length = 60;
  ASSERT_EQ(sender->tx_queue(0).Send(packets), kSent);
  WaitUntil([&] { return !sender->tx_queue(0).Poll() && pair.Stats(0).rx_missed == kSent - kRing; });
  EXPECT_EQ(pair.Stats(0).rx_missed, kSent - kRing);
  pair.Stop(**program, (*interface)->index(), 0);
  EXPECT_EQ(pair.Stats(0).rx_missed, kSent) << "with what was discarded";
}

TEST_F(AfXdpDeviceTest, ADeletedInterfaceLosesNoFrameAndCanBeOpenedAgain) {
  auto first = Started("net_af_xdp0,iface=x0");
  auto second = Started("net_af_xdp1,iface=x1");
  ASSERT_EQ(Pass(*first, *second, 10), 10u);
  pair_->Run({"ip", "link", "del", "x0"});
  EXPECT_EQ(first->Link().status().code(), absl::StatusCode::kNotFound);
  std::vector<Packet> packets(8);
  ASSERT_EQ(pool_->Allocate(packets), packets.size());
  for (Packet& packet : packets) packet.length = 60;
  const std::size_t sent = first->tx_queue(0).Send(packets);
  Pool::Free(std::span(packets).subspan(sent));
  EXPECT_EQ(first->tx_queue(0).Send({}), 0u);
  EXPECT_TRUE(first->Stop().ok());
  EXPECT_TRUE(second->Stop().ok());
  EXPECT_EQ(pool_->FreeCount(), pool_->frame_count());
  const QueueStats stats = first->Stats();
  EXPECT_EQ(stats.tx_packets + stats.tx_dropped, 10 + sent);
  EXPECT_EQ(stats.tx_pending, 0u);

  pair_->Make();
  ASSERT_TRUE(first->Start().ok());
  ASSERT_TRUE(second->Start().ok());
  EXPECT_EQ(Pass(*first, *second, 10), 10u);
}

TEST_F(AfXdpDeviceTest, BadInputLeavesNothingBehind) {
  EXPECT_THAT(StartError("net_af_xdp0,iface=nosuch"), HasSubstr("interface nosuch: no such interface"));
  EXPECT_THAT(StartError("net_af_xdp0,iface=an_interface_name_too_long"), HasSubstr("1 to 15 characters"));
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0,start_queue=2"), HasSubstr("start_queue=2: interface x0 has 2 queue(s)"));
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0,queue_count=3"), HasSubstr("queue_count=3 from start_queue=0"));
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0", {.rx_queues = 3}), HasSubstr("3 rx and 1 tx queues were asked for"));
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0", {.rx_ring = 100}), HasSubstr("rx_ring=100: a power of two"));
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0,bind_mode=zerocopy"), HasSubstr("bind(AF_XDP, x0, queue 0): Operation not supported"));
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0", {.rx_ring = 8192}), HasSubstr("the pool had 4096 of the 8192 frames"));
  pair_->Run({"ip", "link", "set", "x0", "down"});
  EXPECT_THAT(StartError("net_af_xdp0,iface=x0"), HasSubstr("interface x0 is down"));
}

TEST_F(AfXdpDeviceTest, ABusyQueueIsNamed) {
  auto first = Started("net_af_xdp0,iface=x0,queue_count=1");
  auto second = Open("net_af_xdp1,iface=x0");
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE((*second)->Configure({.rx_ring = 256, .tx_ring = 256, .pool = pool_}).ok());
  EXPECT_THAT(std::string((*second)->Start().message()), HasSubstr("bind(AF_XDP, x0, queue 0): Device or resource busy; another socket"));
  // The first goes on as if nothing had been.
  auto peer = Started("net_af_xdp2,iface=x1");
  EXPECT_EQ(Pass(*peer, *first, 10), 10u);
}

// A socket that only sends must not swallow what arrives on its queue: nobody would receive it.
TEST_F(AfXdpDeviceTest, WhatArrivesOnAQueueThatOnlySendsIsTheKernels) {
  auto device = Started("net_af_xdp0,iface=x0,mode=drv", {.rx_queues = 1, .tx_queues = 2});
  // Injected frames would arrive on the queue of the CPU that sends them.
  auto peer = Started("net_af_xdp1,iface=x1,mode=drv,tx=ring", {.rx_queues = 2, .tx_queues = 2});
  for (int burst = 0; burst < 20; ++burst) {
    std::vector<Packet> packets(32);
    ASSERT_EQ(pool_->Allocate(packets), packets.size());
    for (Packet& packet : packets) packet.length = 60;
    const std::size_t sent = peer->tx_queue(1).Send(packets);
    Pool::Free(std::span(packets).subspan(sent));
    peer->tx_queue(1).Send({});
  }
  EXPECT_EQ(peer->Stats(1).tx_packets, 640u);
  // A ring of 256 that nobody empties would have lost the others.
  EXPECT_EQ(device->Stats().rx_missed, 0u);
  EXPECT_EQ(Pass(*peer, *device, 10), 10u);
}

TEST_F(AfXdpDeviceTest, TwoDevicesShareAnInterfaceByQueues) {
  auto first = Started("net_af_xdp0,iface=x0,start_queue=0,queue_count=1");
  auto second = Started("net_af_xdp1,iface=x0,start_queue=1");
  auto peer = Started("net_af_xdp2,iface=x1", {.rx_queues = 2, .tx_queues = 2});
  EXPECT_EQ(Pass(*peer, *first, 10), 10u);
  first.reset();  // and the program stays for the second
  std::array<Packet, 1> packet;
  ASSERT_EQ(pool_->Allocate(packet), 1u);
  packet[0].length = 60;
  ASSERT_EQ(peer->tx_queue(1).Send(packet), 1u);
  std::size_t count = 0;
  for (int waited_ms = 0; count == 0 && waited_ms < 2000; ++waited_ms) {
    count = second->rx_queue(0).Receive(packet);
    poll(nullptr, 0, 1);
  }
  EXPECT_EQ(count, 1u);
  Pool::Free({packet.data(), count});
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
