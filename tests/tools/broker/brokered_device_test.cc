// SPDX-License-Identifier: Apache-2.0
// Ports that a broker opens: what goes on while it is away, what is put back, and what is said when it refuses.
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pmd/c/pollux.h"
#include "pmd/drivers.h"
#include "pmd/feature_state.h"
#include "pmd/rx_metadata.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tests/tools/broker/broker_rig.h"
#include "tools/support/patience.h"

namespace pollux::pmd {
namespace {

using support::BrokerRig;
using testing::AllOf;
using testing::HasSubstr;
using Kind = DeviceEvent::Kind;

constexpr char kAll[] = R"("allow": ["inject", "busy_poll", "steer", "promiscuous", "mtu", "mac", "rx_metadata"])";

class BrokeredDeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "needs root";
    rig_ = BrokerRig::Create();  // one queue: injected frames arrive on that of the CPU
    ASSERT_NE(rig_, nullptr);
  }

  void StartBroker(const std::string& port = kAll) {
    rig_->Start(R"("clients": [{"users": ["root"], "ports": [{"interface": "p0", )" + port + R"(}, {"interface": "p1", )" + port + "}]}]");
  }
  std::string Text(const std::string& interface, const std::string& more = "") {
    return "net_af_xdp_" + interface + ",iface=" + interface + ",broker=" + rig_->socket() + more;
  }
  std::unique_ptr<Device> Open(const std::string& interface, const std::string& more = "") {
    auto device = OpenDevice(Text(interface, more));
    EXPECT_TRUE(device.ok()) << device.status();
    return device.ok() ? *std::move(device) : nullptr;
  }
  static std::shared_ptr<mempool::Pool> MakePool(Device& device) {
    const mempool::PoolOptions options{.frame_count = 8192, .slab_frames = 64};
    auto region = device.MakeRegion({.bytes = *mempool::RegionBytes(options)});
    EXPECT_TRUE(region.ok()) << region.status();
    return region.ok() ? mempool::Pool::Create(*std::move(region), options).value_or(nullptr) : nullptr;
  }
  static absl::Status Start(Device& device, const std::shared_ptr<mempool::Pool>& pool) {
    if (auto status = device.Configure({.pool = pool}); !status.ok()) return status;
    return device.Start();
  }
  // p0 and p1, started, with one pool.
  void StartBoth(const std::string& more) {
    sender_ = Open("p0", more);
    receiver_ = Open("p1", more);
    ASSERT_NE(sender_, nullptr);
    ASSERT_NE(receiver_, nullptr);
    pool_ = MakePool(*sender_);
    for (Device* device : {receiver_.get(), sender_.get()}) {
      const absl::Status status = Start(*device, pool_);
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  // Whether `count` packets come through, whole.
  bool Passes(std::size_t count) {
    std::size_t received = 0, sent = 0;
    return support::Eventually([&] {
      for (int round = 0; round < 1000 && received < count; ++round) {
        if (sent < count && sent - received < 64) {
          std::vector<Packet> packets = support::AllocatePackets(*pool_, std::min<std::size_t>(32, count - sent));
          for (std::size_t index = 0; index < packets.size(); ++index) support::WriteContents(packets[index], 60, sent + index);
          const std::size_t took = sender_->tx_queue(0).Send(packets);
          mempool::Pool::Free(std::span(packets).subspan(took));
          sent += took;
        }
        sender_->tx_queue(0).Poll();
        std::array<Packet, 64> burst;
        const std::size_t got = receiver_->rx_queue(0).Receive(burst);
        for (std::size_t index = 0; index < got; ++index) EXPECT_TRUE(support::HasContents(burst[index], 60, received + index));
        mempool::Pool::Free(std::span(burst).first(got));
        received += got;
      }
      return received == count;
    });
  }
  static bool Tells(Device& device, Kind kind) {
    return support::Eventually([&] {
      for (const DeviceEvent& event : device.PollEvents()) {
        if (event.kind == kind) return true;
      }
      return false;
    });
  }
  void KillBroker() {
    ASSERT_TRUE(rig_->broker().Signal(SIGKILL).ok());
    ASSERT_TRUE(rig_->broker().Wait().ok());
  }
  std::string Show(const std::string& interface) { return rig_->Run({"ip", "-d", "link", "show", interface}); }

  std::unique_ptr<BrokerRig> rig_;
  std::shared_ptr<mempool::Pool> pool_;
  std::unique_ptr<Device> sender_, receiver_;
};

class BrokeredTraffic : public BrokeredDeviceTest, public testing::WithParamInterface<const char*> {
 protected:
  // That the other end has a program and the pair a carrier may be heard of late.
  void ExpectNothingHappened() {
    for (const DeviceEvent& event : sender_->PollEvents())
      EXPECT_TRUE(event.kind == Kind::kLink || event.kind == Kind::kFeatures) << event.text;
  }
};

TEST_P(BrokeredTraffic, GoesOnWhileTheBrokerIsKilledAndStartedAgain) {
  StartBroker();
  StartBoth(GetParam());
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_TRUE(Passes(5000));
  sender_->PollEvents();  // the other end has a program now
  KillBroker();
  EXPECT_TRUE(Passes(5000));
  // What is asked of a port meanwhile is answered from memory: one question waits for the broker in vain, the others know by then.
  const auto asked_at = std::chrono::steady_clock::now();
  for (int times = 0; times < 20; ++times) {
    EXPECT_TRUE(sender_->Link().ok());
    EXPECT_EQ(sender_->Info().mtu, 1500u);
    ExpectNothingHappened();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - asked_at, support::Patience(std::chrono::seconds(5)));
  rig_->Restart();
  EXPECT_TRUE(Passes(5000));
  ExpectNothingHappened();
  // The new broker stops and starts the ports of the old one, with memory that that one made.
  for (Device* device : {sender_.get(), receiver_.get()}) {
    ASSERT_TRUE(device->Stop().ok());
    const absl::Status status = device->Start();
    ASSERT_TRUE(status.ok()) << status << "\n" << rig_->broker().Transcript();
  }
  EXPECT_TRUE(Passes(5000));
  sender_.reset();
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasProgram(); }));
}

INSTANTIATE_TEST_SUITE_P(BothEngines, BrokeredTraffic, testing::Values(",tx=ring", ",tx=inject"),
                         [](const auto& info) { return std::string(info.index == 0 ? "ring" : "inject"); });

TEST_F(BrokeredDeviceTest, StopsWhileTheBrokerIsAway) {
  StartBroker();
  StartBoth(",tx=ring");
  ASSERT_FALSE(HasFatalFailure());
  KillBroker();
  const auto stopped_at = std::chrono::steady_clock::now();
  ASSERT_TRUE(sender_->Stop().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - stopped_at, std::chrono::seconds(6));
  rig_->Restart();
  // The next broker learns of the stop, and knows nothing of the port any more.
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasProgram(); }));
  const absl::Status status = sender_->Start();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(Passes(1000));
}

TEST_F(BrokeredDeviceTest, SettingsEndWithThePort) {
  StartBroker();
  StartBoth(",tx=ring");
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_TRUE(sender_->SetMtu(1400).ok());
  ASSERT_TRUE(sender_->SetMac(*MacAddress::Parse("02:00:00:00:00:77")).ok());
  ASSERT_TRUE(sender_->SetPromiscuous(true).ok());
  EXPECT_EQ(sender_->Info().mtu, 1400u);
  EXPECT_THAT(Show("p0"), AllOf(HasSubstr("mtu 1400"), HasSubstr("02:00:00:00:00:77"), HasSubstr("promiscuity 1")));
  // They stay over a restart of the broker, and the next one puts them back.
  KillBroker();
  EXPECT_THAT(Show("p0"), AllOf(HasSubstr("mtu 1400"), HasSubstr("promiscuity 1")));
  rig_->Restart();
  EXPECT_THAT(Show("p0"), AllOf(HasSubstr("mtu 1400"), HasSubstr("promiscuity 1")));
  sender_.reset();
  EXPECT_TRUE(support::Eventually([this] {
    const std::string now = Show("p0");
    return now.find("mtu 1500") != std::string::npos && now.find("promiscuity 0") != std::string::npos &&
           now.find("02:00:00:00:00:77") == std::string::npos;
  })) << Show("p0");
}

TEST_F(BrokeredDeviceTest, TellsWhatOthersChange) {
  StartBroker();
  StartBoth(",tx=ring");
  ASSERT_FALSE(HasFatalFailure());
  rig_->Run({"ip", "link", "set", "p0", "mtu", "1300"});
  EXPECT_TRUE(Tells(*sender_, Kind::kMtu));
  rig_->Run({"ip", "link", "set", "p1", "down"});
  EXPECT_TRUE(Tells(*sender_, Kind::kLink));
  rig_->Run({"ip", "link", "delete", "p0"});
  EXPECT_TRUE(Tells(*sender_, Kind::kGone));
  ASSERT_TRUE(sender_->Stop().ok());
  ASSERT_TRUE(receiver_->Stop().ok());
  rig_->Run({"ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1"});
  rig_->Run({"ip", "link", "set", "p1", "up"});
  rig_->Run({"ip", "link", "set", "p0", "up"});
  EXPECT_TRUE(Tells(*sender_, Kind::kBack));
  for (Device* device : {receiver_.get(), sender_.get()}) {
    const absl::Status status = device->Start();
    ASSERT_TRUE(status.ok()) << status;
  }
  EXPECT_TRUE(Passes(1000));
}

TEST_F(BrokeredDeviceTest, ABrokerThatHangsUpIsAnInterfaceThatIsGone) {
  StartBroker();
  StartBoth(",tx=ring");
  ASSERT_FALSE(HasFatalFailure());
  KillBroker();
  // The next one does not grant the ports any more.
  rig_->Start(R"("clients": [{"users": ["root"], "ports": [{"interface": "lo"}]}])");
  EXPECT_TRUE(Tells(*sender_, Kind::kGone));
  ASSERT_TRUE(sender_->Stop().ok());
  EXPECT_FALSE(sender_->Start().ok());
  rig_->broker().Signal(SIGTERM).IgnoreError();
  ASSERT_TRUE(rig_->broker().Wait().ok());
  StartBroker();
  EXPECT_TRUE(Tells(*sender_, Kind::kBack));
  const absl::Status status = sender_->Start();
  EXPECT_TRUE(status.ok()) << status;
}

// That of the row rx_metadata in the report of `device`.
FeatureState ToldState(const Device& device) {
  for (const FeatureState& state : device.Features()) {
    if (state.feature == kFeatureRxMetadata) return state;
  }
  ADD_FAILURE() << "no row";
  return {};
}

TEST_F(BrokeredDeviceTest, ADeviceTellsOfPacketsWhatTheFirstClientAskedFor) {
  StartBroker();
  StartBoth(",tx=ring,rx_metadata=hash");
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(receiver_->rx_metadata(), RxMetadata::kHash);
  EXPECT_TRUE(ToldState(*receiver_).present) << ToldState(*receiver_).reason;
  const auto expect_hash = [this] {
    Packet packet = support::AllocatePackets(*pool_, 1).front();
    const auto frame = support::PacketBuilder().Ethernet({}).Ipv4({}).Udp({.source = 1, .destination = 9}).FillTo(64).Build();
    std::memcpy(packet.data, frame.data(), frame.size());
    packet.length = static_cast<uint32_t>(frame.size());
    ASSERT_EQ(sender_->tx_queue(0).Send({&packet, 1}), 1u);
    ASSERT_TRUE(support::Eventually([&] {
      sender_->tx_queue(0).Poll();
      return receiver_->rx_queue(0).Receive({&packet, 1}) == 1;
    }));
    const auto told = ReadRxMetadata(packet);
    EXPECT_TRUE(told && told->valid == RxMetadata::kHash && told->hash != 0);
    mempool::Pool::Free({&packet, 1});
  };
  expect_hash();
  // The next broker knows what the program asks for, and a port that starts anew with it has it still.
  KillBroker();
  rig_->Restart();
  ASSERT_TRUE(receiver_->Stop().ok());
  const absl::Status status = receiver_->Start();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(receiver_->rx_metadata(), RxMetadata::kHash);
  expect_hash();
}

TEST_F(BrokeredDeviceTest, WithoutTheGrantAPortHasNoMetadataAndSaysSo) {
  StartBroker(R"("allow": ["inject"])");
  StartBoth(",tx=ring,rx_metadata=hash");
  ASSERT_FALSE(HasFatalFailure());
  EXPECT_EQ(receiver_->rx_metadata(), 0u);
  EXPECT_THAT(ToldState(*receiver_).reason, HasSubstr("the broker's program does not ask for: hash (\"rx_metadata\" of \"allow\""));
  EXPECT_FALSE(CheckRequired(receiver_->Features(), {kFeatureRxMetadata}).ok());
  EXPECT_TRUE(Passes(100));
}

TEST_F(BrokeredDeviceTest, ProgramsInCHaveThemToo) {
  StartBroker();
  const std::string broker = "broker=" + rig_->socket();
  pollux_device* ports[2] = {};
  ASSERT_EQ(pollux_device_open("net_af_xdp0", "p0", broker.c_str(), &ports[0]), 0) << pollux_last_error();
  ASSERT_EQ(pollux_device_open("net_af_xdp1", "p1", broker.c_str(), &ports[1]), 0) << pollux_last_error();
  pollux_pool_options options = POLLUX_POOL_DEFAULTS;
  options.frame_count = 8192;
  pollux_pool *unsuited = nullptr, *pool = nullptr;
  ASSERT_EQ(pollux_pool_create(&options, &unsuited), 0);
  ASSERT_EQ(pollux_pool_create_for(ports[0], &options, &pool), 0) << pollux_last_error();
  pollux_device_config config = POLLUX_DEVICE_DEFAULTS;
  config.pool = unsuited;
  EXPECT_NE(pollux_device_configure(ports[0], &config), 0);
  EXPECT_THAT(pollux_last_error(), HasSubstr("pollux_pool_create_for"));
  config.pool = pool;
  for (pollux_device* port : ports) {
    ASSERT_EQ(pollux_device_configure(port, &config), 0) << pollux_last_error();
    ASSERT_EQ(pollux_device_start(port), 0) << pollux_last_error();
  }
  pollux_packet packet;
  ASSERT_EQ(pollux_allocate(pool, &packet, 1), 1u);
  packet.length = 60;
  std::memset(packet.data, 7, packet.length);
  ASSERT_EQ(pollux_send(pollux_device_tx_queue(ports[0], 0), &packet, 1), 1u);
  EXPECT_TRUE(support::Eventually([&] {
    pollux_tx_poll(pollux_device_tx_queue(ports[0], 0));
    return pollux_receive(pollux_device_rx_queue(ports[1], 0), &packet, 1) == 1;
  }));
  pollux_free(&packet, 1);
  for (pollux_device* port : ports) pollux_device_close(port);
  pollux_pool_release(pool);
  pollux_pool_release(unsuited);
  EXPECT_EQ(pollux_pools_lingering(), 0u);
}

TEST_F(BrokeredDeviceTest, SaysWhyNot) {
  rig_.reset();
  rig_ = BrokerRig::Create(2);
  ASSERT_NE(rig_, nullptr);
  const auto nobody = OpenDevice(Text("p0"));
  EXPECT_THAT(std::string(nobody.status().message()), AllOf(HasSubstr("connect("), HasSubstr("is pollux-broker running")));
  StartBroker(R"("queues": "1", "memory_mib": 1)");
  const auto loopback = OpenDevice(Text("lo"));
  EXPECT_THAT(std::string(loopback.status().message()), HasSubstr("may not have interface lo"));
  auto port = Open("p0");
  ASSERT_NE(port, nullptr);
  EXPECT_THAT(std::string(port->MakeRegion({.bytes = 2 << 20}).status().message()), HasSubstr("memory_mib"));
  EXPECT_THAT(std::string(Start(*port, support::MakePool()).message()), HasSubstr("the broker grants queues 1 to 1"));
  port = Open("p0", ",start_queue=1,tx=inject");
  ASSERT_NE(port, nullptr);
  EXPECT_THAT(std::string(Start(*port, support::MakePool()).message()), HasSubstr("was not made by a broker"));
  EXPECT_THAT(std::string(port->SetMtu(1400).message()), HasSubstr("may not use 'mtu'"));
  const mempool::PoolOptions few{.frame_count = 256, .slab_frames = 16};
  auto region = port->MakeRegion({.bytes = *mempool::RegionBytes(few)});
  ASSERT_TRUE(region.ok()) << region.status();
  const auto pool = mempool::Pool::Create(*std::move(region), few);
  ASSERT_TRUE(port->Configure({.rx_ring = 64, .tx_ring = 64, .pool = *pool}).ok());
  const absl::Status started = port->Start();
  ASSERT_TRUE(started.ok()) << started;
  // The ring goes on without the grant, and the report says so.
  for (const FeatureState& state : port->Features()) {
    if (state.feature == kFeatureInject) {
      EXPECT_FALSE(state.present);
      EXPECT_THAT(state.reason, HasSubstr("may not use 'inject'"));
    }
    if (state.feature == kFeatureBroker) {
      EXPECT_EQ(state.asked, rig_->socket());
      EXPECT_TRUE(state.present);
    }
  }
  EXPECT_THAT(std::string(OpenDevice(Text("p0", ",dispatcher=1")).status().message()), HasSubstr("exclude broker="));
}

}  // namespace
}  // namespace pollux::pmd
