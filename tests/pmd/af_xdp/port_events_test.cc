// SPDX-License-Identifier: Apache-2.0
// What net_af_xdp does when its interface changes under it: renamed, moved, deleted, replaced, another MTU, no carrier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/af_xdp/settings_file.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using mempool::Pool;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = DeviceEvent::Kind;

class PortEventsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    setenv(SettingsFile::kFolderVariable, (testing::TempDir() + "/plx_events_" + std::to_string(getpid())).c_str(), 1);
    pair_ = support::VethPair::Create(2);
    ASSERT_NE(pair_, nullptr);
    pool_ = support::MakePool({.frame_count = 4096, .slab_frames = 64});
    first_ = Started("net_af_xdp0,iface=x0");
    second_ = Started("net_af_xdp1,iface=x1");
    ASSERT_TRUE(first_ != nullptr && second_ != nullptr);
    ASSERT_EQ(Pass(*first_, *second_, 10), 10u);
    Settle(*first_);
    Settle(*second_);
  }
  void TearDown() override {
    first_.reset();
    second_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(pool_->FreeCount(), pool_->frame_count());
  }

  std::unique_ptr<Device> Started(const std::string& text) {
    auto arguments = DeviceArguments::Parse(text);
    auto device = AfXdpDevice::Open(*std::move(arguments));
    if (!device.ok()) return ADD_FAILURE() << device.status(), nullptr;
    absl::Status status = (*device)->Configure({.rx_ring = 256, .tx_ring = 256, .pool = pool_});
    if (status.ok()) status = (*device)->Start();
    EXPECT_TRUE(status.ok()) << status;
    return *std::move(device);
  }
  // Events until there is one of this kind; fails the test if there is none within the patience.
  std::vector<DeviceEvent> Await(Device& device, Kind kind) {
    std::vector<DeviceEvent> events;
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(5));
    while (std::chrono::steady_clock::now() < end) {
      for (DeviceEvent& event : device.PollEvents()) events.push_back(std::move(event));
      for (const DeviceEvent& event : events) {
        if (event.kind == kind) return events;
      }
      poll(nullptr, 0, 1);
    }
    ADD_FAILURE() << "no event of kind " << EventName(kind);
    return events;
  }
  static std::string TextOf(const std::vector<DeviceEvent>& events, Kind kind) {
    for (const DeviceEvent& event : events) {
      if (event.kind == kind) return event.text;
    }
    return "(no such event)";
  }
  static std::vector<Kind> Kinds(const std::vector<DeviceEvent>& events) {
    std::vector<Kind> kinds;
    for (const DeviceEvent& event : events) kinds.push_back(event.kind);
    return kinds;
  }
  // Reads what starting the ports made known.
  static void Settle(Device& device) { device.PollEvents(); }

  std::size_t Send(Device& from, std::size_t count, std::size_t length = 100) {
    std::vector<Packet> packets(count);
    EXPECT_EQ(pool_->Allocate(packets), count);
    for (std::size_t index = 0; index < count; ++index) support::WriteContents(packets[index], length, index);
    const std::size_t sent = from.tx_queue(0).Send(packets);
    Pool::Free(std::span(packets).subspan(sent));
    return sent;
  }
  std::size_t Pass(Device& from, Device& to, std::size_t count, std::size_t length = 100) {
    const std::size_t sent = Send(from, count, length);
    std::size_t received = 0;
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(2));
    while (received < sent && std::chrono::steady_clock::now() < end) {
      std::array<Packet, 32> burst;
      const std::size_t got = to.rx_queue(0).Receive(burst);
      Pool::Free({burst.data(), got});
      received += got;
      from.tx_queue(0).Send({});
      if (got == 0) poll(nullptr, 0, 1);
    }
    return received;
  }
  void ExpectAccount(Device& device, std::size_t taken) {
    const QueueStats stats = device.Stats();
    EXPECT_EQ(stats.tx_packets + stats.tx_dropped, taken);
    EXPECT_EQ(stats.tx_pending, 0u);
  }

  std::unique_ptr<support::VethPair> pair_;
  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Device> first_, second_;
};

TEST_F(PortEventsTest, ARenamedPortGoesOn) {
  ASSERT_TRUE(first_->SetMtu(1400).ok());
  pair_->Run({"ip", "link", "set", "x0", "name", "y0"});
  EXPECT_EQ(Kinds(Await(*first_, Kind::kRenamed)), std::vector{Kind::kRenamed});
  EXPECT_EQ(first_->Info().interface, "y0");
  EXPECT_EQ(Pass(*first_, *second_, 10), 10u);
  EXPECT_EQ(Pass(*second_, *first_, 10), 10u);
  ASSERT_TRUE(first_->Stop().ok());
  ASSERT_TRUE(first_->Start().ok());
  EXPECT_EQ(Pass(*second_, *first_, 10), 10u);
  first_.reset();
  EXPECT_THAT(pair_->Run({"ip", "-d", "link", "show", "y0"}), AllOf(HasSubstr("mtu 1500"), Not(HasSubstr("xdp"))));
}

TEST_F(PortEventsTest, ADeletedPortComesBackWithItsInterface) {
  ASSERT_TRUE(first_->SetMtu(1400).ok());
  pair_->Run({"ip", "link", "del", "x0"});
  EXPECT_EQ(TextOf(Await(*first_, Kind::kGone), Kind::kGone), "interface x0 was deleted");
  EXPECT_EQ(TextOf(Await(*second_, Kind::kGone), Kind::kGone), "interface x1 was deleted");
  const std::size_t sent = Send(*first_, 8);
  ASSERT_TRUE(first_->Stop().ok());
  ASSERT_TRUE(second_->Stop().ok());
  ExpectAccount(*first_, 10 + sent);
  EXPECT_EQ(pool_->FreeCount(), pool_->frame_count());
  EXPECT_THAT(first_->PollEvents(), IsEmpty());
  pair_->Make();
  EXPECT_THAT(TextOf(Await(*first_, Kind::kBack), Kind::kBack), HasSubstr("an interface x0 is there (again), with index "));
  Await(*second_, Kind::kBack);
  ASSERT_TRUE(first_->Start().ok());
  ASSERT_TRUE(second_->Start().ok());
  EXPECT_EQ(Pass(*first_, *second_, 10), 10u);
  EXPECT_EQ(Pass(*second_, *first_, 10), 10u);
  EXPECT_EQ(first_->Info().mtu, 1400u) << "the same configuration";
  first_.reset();
  EXPECT_THAT(pair_->Run({"ip", "link", "show", "x0"}), HasSubstr("mtu 1500"));
}

// Nobody looked while it happened, and the new one has the old one's number.
TEST_F(PortEventsTest, AReplacementBetweenTwoLooksIsSeen) {
  const std::string index = pair_->Run({"sh", "-c", "ip -o link show x0 | cut -d: -f1 | tr -d '\n'"});
  pair_->Run({"ip", "link", "del", "x0"});
  pair_->Run({"ip", "link", "add", "x0", "index", index, "type", "veth", "peer", "name", "x1"});
  for (const char* name : {"x0", "x1"}) pair_->Run({"ip", "link", "set", name, "up"});
  const std::vector<Kind> kinds = Kinds(Await(*first_, Kind::kBack));
  EXPECT_EQ(kinds, (std::vector{Kind::kGone, Kind::kBack}));
  Await(*second_, Kind::kBack);
  for (Device* device : {first_.get(), second_.get()}) {
    ASSERT_TRUE(device->Stop().ok());
    ASSERT_TRUE(device->Start().ok());
  }
  EXPECT_EQ(Pass(*first_, *second_, 10), 10u);
}

TEST_F(PortEventsTest, AnInterfaceThatIsDownIsNotYetBack) {
  pair_->Run({"ip", "link", "del", "x0"});
  Await(*first_, Kind::kGone);
  ASSERT_TRUE(first_->Stop().ok());
  pair_->Run({"ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1"});
  pair_->Run({"ip", "link", "set", "x1", "up"});
  EXPECT_THAT(first_->PollEvents(), IsEmpty());
  pair_->Run({"ip", "link", "set", "x0", "up"});
  // The carrier comes by a work queue of the kernel; an interface that changes is offered again.
  EXPECT_TRUE(support::Eventually([&] { return pair_->Run({"ip", "link", "show", "x0"}).find("state UP") != std::string::npos; }));
  EXPECT_EQ(Kinds(Await(*first_, Kind::kBack)), std::vector{Kind::kBack});
  EXPECT_THAT(first_->PollEvents(), IsEmpty()) << "it is offered once";
}

TEST_F(PortEventsTest, AMovedPortLetsGo) {
  const auto pod = support::NetworkNamespace::Create("pod");
  ASSERT_TRUE(pod.ok()) << pod.status();
  ASSERT_TRUE(first_->SetPromiscuous(true).ok());
  ASSERT_TRUE(first_->SetMtu(1400).ok());
  pair_->Run({"ip", "link", "set", "x0", "netns", (*pod)->name()});
  const auto events = Await(*first_, Kind::kGone);
  EXPECT_EQ(TextOf(events, Kind::kGone), "interface x0 was moved to another network namespace");
  EXPECT_THAT(TextOf(events, Kind::kSettings), HasSubstr("MTU could not be put back to 1500"));
  // Before anybody has stopped the queues.
  EXPECT_THAT(pair_->Run({"ip", "-n", (*pod)->name(), "-d", "link", "show", "x0"}),
              AllOf(HasSubstr("promiscuity 0"), Not(HasSubstr("xdp"))));
  const std::size_t sent = Send(*first_, 8);
  ASSERT_TRUE(first_->Stop().ok());
  ExpectAccount(*first_, 10 + sent);

  pair_->Run({"ip", "-n", (*pod)->name(), "link", "set", "x0", "netns", pair_->network().name()});
  pair_->Run({"ip", "link", "set", "x0", "up"});
  Await(*first_, Kind::kBack);
  ASSERT_TRUE(first_->Start().ok());
  EXPECT_EQ(Pass(*second_, *first_, 10), 10u);
  first_.reset();
  EXPECT_THAT(pair_->Run({"ip", "link", "show", "x0"}), HasSubstr("mtu 1500")) << "what was found at first";
}

TEST_F(PortEventsTest, TheTxLimitFollowsAnMtuFromOutside) {
  EXPECT_EQ(Pass(*first_, *second_, 1, 1600), 0u);
  EXPECT_EQ(first_->Stats().tx_dropped, 1u);
  for (const char* name : {"x0", "x1"}) pair_->Run({"ip", "link", "set", name, "mtu", "1700"});
  EXPECT_EQ(TextOf(Await(*first_, Kind::kMtu), Kind::kMtu), "x0: MTU is 1700 now, 1500 before; packets up to that are sent");
  EXPECT_EQ(Pass(*first_, *second_, 1, 1600), 1u);
  for (const char* name : {"x0", "x1"}) pair_->Run({"ip", "link", "set", name, "mtu", "1800"});
  EXPECT_THAT(TextOf(Await(*first_, Kind::kMtu), Kind::kMtu), HasSubstr("holds packets up to MTU 1774: longer ones are lost"));
  EXPECT_EQ(Pass(*first_, *second_, 1, 1700), 1u) << "what a frame holds";
  pair_->Run({"ip", "link", "set", "x0", "mtu", "1500"});
  Await(*first_, Kind::kMtu);
  EXPECT_EQ(Pass(*first_, *second_, 1, 1600), 0u);
  ASSERT_TRUE(first_->SetMtu(1400).ok());
  pair_->Run({"ip", "link", "set", "x0", "down"});
  EXPECT_EQ(Kinds(Await(*first_, Kind::kLink)), std::vector{Kind::kLink}) << "one's own change of the MTU is no news";
}

TEST_F(PortEventsTest, ACarrierThatGoesAndComes) {
  pair_->Run({"ip", "link", "set", "x1", "down"});
  EXPECT_EQ(TextOf(Await(*first_, Kind::kLink), Kind::kLink), "link state change: down");
  pair_->Run({"ip", "link", "set", "x1", "up"});
  EXPECT_EQ(TextOf(Await(*first_, Kind::kLink), Kind::kLink), "link state change: up");
}

// What a veth's end can do with XDP is decided by the program on the other end.
TEST_F(PortEventsTest, TheOtherEndsProgramIsAnEvent) {
  if (!bpf::ProbeDevice("x0").value_or(bpf::DeviceFeatures{}).known) GTEST_SKIP() << "this kernel does not tell";
  second_.reset();
  const std::string text = TextOf(Await(*first_, Kind::kFeatures), Kind::kFeatures);
  const std::size_t before = text.find("before:");
  ASSERT_NE(before, std::string::npos) << text;
  EXPECT_EQ(text.substr(0, before).find("transmit"), std::string::npos) << text;
  EXPECT_NE(text.find("transmit", before), std::string::npos) << text;
  second_ = Started("net_af_xdp1,iface=x1");
  Await(*first_, Kind::kFeatures);
}

TEST_F(PortEventsTest, QueuesThatAreMoreNow) {
  first_.reset();
  second_.reset();
  for (const char* name : {"x0", "x1"}) pair_->Run({"ethtool", "-L", name, "rx", "1", "tx", "1"});
  first_ = Started("net_af_xdp0,iface=x0");
  pair_->Run({"ethtool", "-L", "x0", "rx", "2", "tx", "1"});
  EXPECT_THAT(TextOf(Await(*first_, Kind::kQueues), Kind::kQueues),
              AllOf(HasSubstr("the interface has 2 queue(s) now, 1 before"), HasSubstr("this port has 1 rx queue(s)")));
}

TEST_F(PortEventsTest, LeavingABridgeIsNoDeparture) {
  first_.reset();
  pair_->Run({"ip", "link", "add", "b0", "type", "bridge"});
  pair_->Run({"ip", "link", "set", "x0", "master", "b0"});
  first_ = Started("net_af_xdp0,iface=x0");
  pair_->Run({"ip", "link", "set", "x0", "nomaster"});
  pair_->Run({"ip", "link", "set", "x0", "mtu", "1450"});
  EXPECT_EQ(Kinds(Await(*first_, Kind::kMtu)), std::vector{Kind::kMtu});
}

// More messages than a socket holds.
TEST_F(PortEventsTest, NothingIsMissedWhereMessagesAreLost) {
  pair_->Run(
      {"sh", "-c", "for i in $(seq 300); do echo link add d$i type bridge; echo link set d$i up; echo link del d$i; done | ip -batch -"});
  pair_->Run({"ip", "link", "set", "x0", "mtu", "1450"});
  EXPECT_EQ(TextOf(Await(*first_, Kind::kMtu), Kind::kMtu), "x0: MTU is 1450 now, 1500 before; packets up to that are sent");
  pair_->Run(
      {"sh", "-c", "for i in $(seq 300); do echo link add d$i type bridge; echo link set d$i up; echo link del d$i; done | ip -batch -"});
  pair_->Run({"ip", "link", "del", "x0"});
  Await(*first_, Kind::kGone);
}

// The control thread may be anywhere.
TEST_F(PortEventsTest, TheNamespaceIsThatOfTheOpening) {
  const auto elsewhere = support::NetworkNamespace::Create("elsewhere");
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  {
    const auto scope = support::NamespaceScope::Enter(**elsewhere);
    ASSERT_TRUE(scope.ok()) << scope.status();
    ASSERT_TRUE(first_->Stop().ok());
    const absl::Status status = first_->Start();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(first_->Info().interface, "x0");
    ASSERT_TRUE(first_->SetPromiscuous(true).ok());
    EXPECT_NE(support::RunSuccessfully({"ip", "link", "show", "lo"}).ok(), false);
  }
  EXPECT_EQ(Pass(*second_, *first_, 10), 10u);
  EXPECT_THAT(pair_->Run({"ip", "-d", "link", "show", "x0"}), HasSubstr("promiscuity 1"));
}

TEST_F(PortEventsTest, PromiscuousModeIsAsItWasSetLast) {
  ASSERT_TRUE(first_->SetPromiscuous(true).ok());
  ASSERT_TRUE(first_->Stop().ok());
  EXPECT_THAT(pair_->Run({"ip", "-d", "link", "show", "x0"}), HasSubstr("promiscuity 0"));
  ASSERT_TRUE(first_->Start().ok());
  EXPECT_THAT(pair_->Run({"ip", "-d", "link", "show", "x0"}), HasSubstr("promiscuity 1"));
  ASSERT_TRUE(first_->SetPromiscuous(false).ok());
  ASSERT_TRUE(first_->Stop().ok());
  ASSERT_TRUE(first_->Start().ok());
  EXPECT_THAT(pair_->Run({"ip", "-d", "link", "show", "x0"}), HasSubstr("promiscuity 0"));
}

// Counts go on over a restart, and never below what was shown.
TEST_F(PortEventsTest, WhatSteeringLeavesToTheKernelAddsUp) {
  first_.reset();
  first_ = Started("net_af_xdp0,iface=x0,steer=arp");
  const auto passed = [this] {
    for (const NamedCounter& counter : first_->ExtendedStats()) {
      if (counter.name == "rx_steered_to_kernel") return counter.value;
    }
    return ~uint64_t{0};
  };
  const auto send = [&](uint64_t expected) {
    Send(*second_, 10);
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(2));
    while (passed() < expected && std::chrono::steady_clock::now() < end) second_->tx_queue(0).Send({});
    EXPECT_EQ(passed(), expected);
  };
  send(10);
  ASSERT_TRUE(first_->Stop().ok());
  EXPECT_EQ(passed(), 10u);
  ASSERT_TRUE(first_->Start().ok());
  send(20);
  first_->ResetStats();
  EXPECT_EQ(passed(), 0u);
  ASSERT_TRUE(first_->Stop().ok());
  ASSERT_TRUE(first_->Start().ok());
  EXPECT_EQ(passed(), 0u);
  send(10);
}

TEST_F(PortEventsTest, StatisticsMayBeResetWhileTheyAreRead) {
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) {
      first_->ExtendedStats();
      first_->Stats(0);
      first_->Stats();
    }
  });
  for (int round = 0; round < 2000; ++round) first_->ResetStats();
  stop = true;
  reader.join();
  EXPECT_EQ(Pass(*first_, *second_, 10), 10u);
  EXPECT_EQ(first_->Stats().tx_packets, 10u);
}

TEST_F(PortEventsTest, OnlyEthernet) {
  pair_->Run({"ip", "tuntap", "add", "mode", "tun", "name", "tun0"});
  auto arguments = DeviceArguments::Parse("net_af_xdp0,iface=tun0");
  const auto device = AfXdpDevice::Open(*std::move(arguments));
  EXPECT_THAT(std::string(device.status().message()), HasSubstr("interface tun0: its packets have no Ethernet header"));
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
