// SPDX-License-Identifier: Apache-2.0
// Flows between ports of net_af_xdp: real interfaces, and no thread that forwards.
#include <arpa/inet.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/af_xdp/flow_port.h"
#include "pmd/af_xdp/settings_file.h"
#include "tests/support/frame_socket.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tests/support/veth_rig.h"
#include "tools/support/child_process.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {
namespace {

using std::chrono::milliseconds;
using support::FrameSocket;
using support::NamespaceScope;
using support::PacketBuilder;
using support::VethRig;
using Clock = std::chrono::steady_clock;

FlowMatch FromPort(uint32_t port) {
  FlowMatch match;
  match.value.port = port;
  match.mask.port = ~0u;
  return match;
}
FlowAction Output(uint32_t port) {
  return {.kind = FlowAction::Kind::kOutput, .port = port};
}

class FlowPortTest : public testing::Test {
 protected:
  void BuildRig(std::size_t ports) {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    setenv(SettingsFile::kFolderVariable, (testing::TempDir() + "/plx_flows_" + std::to_string(getpid())).c_str(), 1);
    auto rig = VethRig::Create({.ports = ports, .ipv6 = false, .static_neighbours = true});
    ASSERT_TRUE(rig.ok()) << rig.status();
    rig_ = *std::move(rig);
    for (std::size_t port = 0; port < ports; ++port) Ethtool(port, {"tx", "off", "gro", "on"});
    auto scope = NamespaceScope::Enter(rig_->switch_namespace());
    ASSERT_TRUE(scope.ok()) << scope.status();
    scope_ = *std::move(scope);
    pool_ = support::MakePool({.frame_count = 4096, .slab_frames = 64});
    auto table = FlowTable::Create({.flows = 1024});
    ASSERT_TRUE(table.ok()) << table.status();
    table_ = *std::move(table);
  }
  // The client's end.
  void Ethtool(std::size_t port, const std::vector<std::string>& settings) {
    support::Arguments command = {"ethtool", "-K", VethRig::ClientInterface(port)};
    command.insert(command.end(), settings.begin(), settings.end());
    const auto done = support::RunSuccessfully(command, &rig_->client(port));
    ASSERT_TRUE(done.ok()) << done.status();
  }
  void TearDown() override {
    devices_.clear();
    if (pool_ != nullptr) {
      pool_->FlushThisThread();
      EXPECT_EQ(pool_->FreeCount(), pool_->frame_count());
    }
  }

  Device& Start(std::size_t port, const std::string& options = "", FlowRole role = FlowRole::kInputAndOutput) {
    auto arguments = DeviceArguments::Parse("net_af_xdp" + std::to_string(port) + ",iface=" + VethRig::PortInterface(port) + options);
    auto device = AfXdpDevice::Open(*std::move(arguments));
    EXPECT_TRUE(device.ok()) << device.status();
    absl::Status status = (*device)->Configure({.rx_ring = 256, .tx_ring = 256, .pool = pool_});
    if (status.ok()) status = (*device)->UseFlows(table_, static_cast<uint32_t>(port), role);
    if (status.ok()) status = (*device)->Start();
    EXPECT_TRUE(status.ok()) << status;
    devices_.push_back(*std::move(device));
    return *devices_.back();
  }

  FlowTable::Id Add(const FlowMatch& match, const std::vector<FlowAction>& actions, uint32_t priority = 0) {
    const auto id = table_->Add({.priority = priority, .match = match, .actions = actions});
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or(0);
  }
  bool Ping(std::size_t from, std::size_t to, int count = 5) {
    const auto done = support::RunCommand({"ping", "-n", "-c", std::to_string(count), "-i", "0.02", "-W", "2", VethRig::ClientIpv4(to)},
                                          &rig_->client(from));
    return done.ok() && done->exit_code == 0;
  }
  std::unique_ptr<FrameSocket> Open(std::size_t port) {
    auto socket = FrameSocket::Open(rig_->client(port), VethRig::ClientInterface(port));
    EXPECT_TRUE(socket.ok()) << socket.status();
    return *std::move(socket);
  }
  std::size_t ReceiveAndFree(Device& device) {
    std::array<Packet, 64> packets;
    const std::size_t count = device.rx_queue(0).Receive(packets);
    mempool::Pool::Free({packets.data(), count});
    return count;
  }
  template <typename Condition>
  bool Eventually(Condition condition) {
    const auto end = Clock::now() + support::Patience(std::chrono::seconds(10));
    while (!condition()) {
      if (Clock::now() > end) return false;
      std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }

  std::unique_ptr<VethRig> rig_;
  std::unique_ptr<NamespaceScope> scope_;
  std::shared_ptr<mempool::Pool> pool_;
  std::shared_ptr<FlowTable> table_;
  std::vector<std::unique_ptr<Device>> devices_;
};

TEST_F(FlowPortTest, PingWithoutAThreadThatForwards) {
  BuildRig(2);
  if (IsSkipped()) return;
  Start(0);
  Start(1);
  EXPECT_FALSE(Ping(0, 1, 1)) << "without flows";
  while (ReceiveAndFree(*devices_[0]) > 0) {
  }
  const auto right = Add(FromPort(0), {Output(1)});
  const auto left = Add(FromPort(1), {Output(0)});
  EXPECT_TRUE(Ping(0, 1, 20));
  EXPECT_EQ(table_->Statistics(right)->packets, 20u);
  EXPECT_EQ(table_->Statistics(left)->packets, 20u);
  EXPECT_EQ(table_->Statistics(left)->bytes, 20u * 98u);

  // Over a stop and a start, and with another program, they are still there.
  ASSERT_TRUE(devices_[1]->Stop().ok());
  EXPECT_FALSE(Ping(0, 1, 1)) << "to a port that is stopped";
  while (ReceiveAndFree(*devices_[0]) > 0) {
  }
  ASSERT_TRUE(devices_[1]->Start().ok());
  EXPECT_TRUE(Ping(0, 1, 3));
  ASSERT_TRUE(devices_[0]->UseFlows(nullptr, 0, FlowRole::kOutput).ok());
  EXPECT_FALSE(Ping(0, 1, 1)) << "from a port that has no flows any more";
  while (ReceiveAndFree(*devices_[0]) > 0) {
  }
  ASSERT_TRUE(devices_[0]->UseFlows(table_, 0, FlowRole::kInputAndOutput).ok());
  EXPECT_TRUE(Ping(0, 1, 3));
}

// As in a veth whose far end has neither GRO nor an XDP program.
TEST_F(FlowPortTest, WhatTheOutputCannotTakeComesUp) {
  BuildRig(2);
  if (IsSkipped()) return;
  Device& first = Start(0);
  Device& second = Start(1);
  const auto id = Add(FromPort(0), {Output(1)});
  auto source = Open(0);
  auto sink = Open(1);
  const auto frame = PacketBuilder().Ethernet().Ipv4().Udp({.destination = 7777}).Payload(50).Build();
  const auto is_ours = [&](const FrameSocket::Frame& candidate) { return candidate == frame; };
  ASSERT_TRUE(source->Send(frame).ok());
  EXPECT_TRUE(sink->Receive(is_ours, support::Patience(milliseconds(5000))).ok());

  Ethtool(1, {"gro", "off"});
  EXPECT_TRUE(Eventually([&] {
    for (const DeviceEvent& event : second.PollEvents()) {
      if (event.kind == DeviceEvent::Kind::kFeatures) return true;
    }
    return false;
  }));
  ASSERT_TRUE(source->Send(frame).ok());
  EXPECT_TRUE(Eventually([&] { return ReceiveAndFree(first) == 1; }));
  EXPECT_EQ(table_->Statistics(id)->packets, 1u);

  Ethtool(1, {"gro", "on"});
  EXPECT_TRUE(Eventually([&] {
    for (const DeviceEvent& event : second.PollEvents()) {
      if (event.kind == DeviceEvent::Kind::kFeatures) return true;
    }
    return false;
  }));
  ASSERT_TRUE(source->Send(frame).ok());
  EXPECT_TRUE(sink->Receive(is_ours, support::Patience(milliseconds(5000))).ok());
  EXPECT_EQ(table_->Statistics(id)->packets, 2u);
}

TEST_F(FlowPortTest, AnOutputAloneRunsTheProgramOfAPortWithoutFlows) {
  BuildRig(2);
  if (IsSkipped()) return;
  Start(0);
  Start(1, "", FlowRole::kOutput);
  EXPECT_EQ(bpf::AttachedPrograms("p0").value().front().name, POLLUX_FLOWS_PROGRAM);
  EXPECT_EQ(bpf::AttachedPrograms("p1").value().front().name, POLLUX_REDIRECT_PROGRAM);
  ASSERT_TRUE(devices_[1]->UseFlows(table_, 1, FlowRole::kInputAndOutput).ok());
  EXPECT_EQ(bpf::AttachedPrograms("p1").value().front().name, POLLUX_FLOWS_PROGRAM);
  Add(FromPort(0), {Output(1)});
  Add(FromPort(1), {Output(0)});
  EXPECT_TRUE(Ping(0, 1, 3));
  ASSERT_TRUE(devices_[1]->UseFlows(nullptr, 1, FlowRole::kOutput).ok());
  EXPECT_EQ(bpf::AttachedPrograms("p1").value().front().name, POLLUX_REDIRECT_PROGRAM);
}

TEST_F(FlowPortTest, SteeringComesFirst) {
  BuildRig(2);
  if (IsSkipped()) return;
  Start(0, ",steer=udp");
  Start(1);
  const auto id = Add(FromPort(0), {Output(1)});
  auto source = Open(0);
  auto sink = Open(1);
  const auto udp = PacketBuilder().Ethernet().Ipv4().Udp({.destination = 7777}).Payload(50).Build();
  ASSERT_TRUE(source->Send(PacketBuilder().Ethernet().Ipv4().Tcp({.destination = 7777}).Payload(50).Build()).ok());
  ASSERT_TRUE(source->Send(udp).ok());
  EXPECT_TRUE(sink->Receive([&](const auto& frame) { return frame == udp; }, support::Patience(milliseconds(5000))).ok());
  EXPECT_EQ(table_->Statistics(id)->packets, 1u);
  const auto counters = devices_[0]->ExtendedStats();
  for (const NamedCounter& counter : counters) {
    if (counter.name == "rx_steered_to_kernel") {
      EXPECT_GE(counter.value, 1u);
    }
  }
}

struct Churn {
  const char* name;
  const char* options;  // of every port
  bool rewrites;        // address, port and TTL, with their checksums; else a VLAN tag is pushed
};

// The mark of a change, below kMarks, is in the tag, or in the source's address and port.
class FlowChurnTest : public FlowPortTest, public testing::WithParamInterface<Churn> {
 protected:
  using Frame = FrameSocket::Frame;
  static constexpr uint32_t kMarks = 4095;
  static constexpr uint16_t kUdpPort = 7777;
  struct Seen {
    uint32_t number = 0;
    uint32_t mark = 0;
  };

  static bool rewrites() { return GetParam().rewrites; }
  static FlowMatch Match() {
    FlowMatch match = FromPort(0);
    match.value.ether_type = htons(0x0800);
    match.mask.ether_type = 0xffff;
    match.value.protocol = 17;
    match.mask.protocol = 0xff;
    return match;
  }
  static std::vector<FlowAction> ActionsOf(uint32_t change) {
    const auto mark = static_cast<uint16_t>(change % kMarks);
    if (!rewrites()) return {{.kind = FlowAction::Kind::kPushVlan, .tag = mark}, Output(1 + change % 2)};
    FlowAction set = {.kind = FlowAction::Kind::kSet};
    set.value.source[0] = htonl(0x0a090000u | mark);
    set.mask.source[0] = ~0u;
    set.value.source_port = htons(mark);
    set.mask.source_port = 0xffff;
    set.value.time_to_live = 3;
    set.mask.time_to_live = 0xff;
    return {set, Output(1 + change % 2)};
  }
  static std::string PayloadOf(uint32_t number) {
    std::string payload(20, '\0');
    for (int byte = 0; byte < 4; ++byte) payload[static_cast<std::size_t>(byte)] = static_cast<char>(number >> (24 - 8 * byte));
    return payload;
  }
  static Frame Sent(uint32_t number) {
    return PacketBuilder().Ethernet().Ipv4().Udp({.destination = kUdpPort}).Payload(PayloadOf(number)).Build();
  }
  // Checksums are computed anew.
  static Frame Expected(const Seen& seen) {
    const auto mark = static_cast<uint16_t>(seen.mark);
    PacketBuilder builder = PacketBuilder().Ethernet();
    if (!rewrites()) return builder.Vlan(mark).Ipv4().Udp({.destination = kUdpPort}).Payload(PayloadOf(seen.number)).Build();
    return builder.Ipv4({.source = "10.9." + std::to_string(mark >> 8) + "." + std::to_string(mark & 255), .time_to_live = 3})
        .Udp({.source = mark, .destination = kUdpPort})
        .Payload(PayloadOf(seen.number))
        .Build();
  }
  static std::optional<Seen> Look(const Frame& frame) {
    const std::size_t shift = rewrites() ? 0 : 4;
    if (frame.size() != 62 + shift) return std::nullopt;
    const auto at = [&](std::size_t place) { return static_cast<uint32_t>(frame[place]); };
    if (at(12 + shift) != 8 || at(36 + shift) != kUdpPort >> 8 || at(37 + shift) != (kUdpPort & 0xff)) return std::nullopt;
    const std::size_t mark = rewrites() ? 34 : 14, number = 42 + shift;
    return Seen{.number = at(number) << 24 | at(number + 1) << 16 | at(number + 2) << 8 | at(number + 3),
                .mark = (at(mark) << 8 | at(mark + 1)) & 0xfff};
  }
};

INSTANTIATE_TEST_SUITE_P(Hooks, FlowChurnTest,
                         testing::Values(Churn{"XdpTags", "", false}, Churn{"XdpRewrites", "", true}, Churn{"TcTags", ",attach=tc", false},
                                         Churn{"TcRewrites", ",attach=tc", true}),
                         [](const auto& one) { return one.param.name; });

// The flow's action changes all the time: to port 1 or port 2, with a mark that says which change it is. Each packet carries its number,
// and must not have the mark of a change that was over before the packet was sent, nor come out where that change did not say.
TEST_P(FlowChurnTest, EveryPacketComesOutWhereTheTableSaidAtThatTime) {
  BuildRig(3);
  if (IsSkipped()) return;
  for (std::size_t port = 0; port < 3; ++port) Start(port, GetParam().options);
  constexpr uint32_t kPackets = 4000;
  constexpr uint32_t kAhead = 64;  // of the sinks: queues on the way are short
  auto source = Open(0);
  std::array<std::unique_ptr<FrameSocket>, 2> sinks = {Open(1), Open(2)};
  const auto id = Add(Match(), ActionsOf(0));
  std::atomic<uint32_t> over{0}, received{0}, wrong{0}, twice{0}, bent{0};
  std::atomic<bool> done{false};
  std::vector<std::atomic<uint32_t>> over_when_sent(kPackets);
  std::vector<std::atomic<uint8_t>> seen(kPackets);
  std::vector<std::thread> threads;
  for (uint32_t output = 1; output <= 2; ++output) {
    threads.emplace_back([&, output] {
      while (!done) {
        const auto frame = sinks[output - 1]->Receive(milliseconds(100));
        if (!frame.ok()) continue;
        const std::optional<Seen> look = Look(*frame);
        if (!look || look->number >= kPackets) continue;
        if (seen[look->number].exchange(1) != 0) ++twice;
        if (*frame != Expected(*look)) ++bent;
        // The change that this is, among those since the last one that was over when the packet was sent; at most one is under way.
        const uint32_t first = over_when_sent[look->number];
        const uint32_t change = first + (look->mark + kMarks - first % kMarks) % kMarks;
        if (change > over + 1 || output != 1 + change % 2) ++wrong;
        ++received;
      }
    });
  }
  std::thread changes([&] {
    for (uint32_t change = 1; !done; ++change) {
      EXPECT_TRUE(table_->Modify(id, ActionsOf(change)).ok());
      over = change;
      std::this_thread::sleep_for(std::chrono::microseconds(300));  // some thousand a second
    }
  });
  // Also where a packet is lost: the threads end in any case.
  bool all = true;
  for (uint32_t number = 0; all && number < kPackets; ++number) {
    all = Eventually([&] { return number < received + kAhead; });
    over_when_sent[number] = over.load();
    if (all) all = source->Send(Sent(number)).ok();
  }
  EXPECT_TRUE(all && Eventually([&] { return received == kPackets; })) << "packets are lost: " << received << " came";
  done = true;
  changes.join();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_EQ(twice, 0u);
  EXPECT_EQ(bent, 0u);
  EXPECT_GE(over, 20u);  // hundreds, on a machine that is not busy
  const auto statistics = table_->Remove(id);
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->packets, kPackets);
  EXPECT_EQ(statistics->bytes, uint64_t{kPackets} * (14 + 20 + 8 + 20));
}

TEST_F(FlowPortTest, ASharedInterfaceHasNoFlows) {
  BuildRig(2);
  if (IsSkipped()) return;
  auto attached = bpf::XdpProgram::Attach("p0", {});
  ASSERT_TRUE(attached.ok()) << attached.status();
  auto joined = bpf::XdpProgram::Attach("p0", {});
  ASSERT_TRUE(joined.ok()) << joined.status();
  FlowPort port(table_, 0, FlowRole::kInputAndOutput);
  EXPECT_EQ(port.Enter(**joined, 1, false, {.redirect = 1518, .buffer = 1518}).code(), absl::StatusCode::kFailedPrecondition);
  FlowPort output(table_, 1, FlowRole::kOutput);
  EXPECT_TRUE(output.Enter(**joined, 1, false, {.redirect = 1518, .buffer = 1518}).ok()) << "an output may be shared";
  EXPECT_TRUE(port.Enter(**attached, 1, false, {.redirect = 1518, .buffer = 1518}).ok());
  const auto third = bpf::XdpProgram::Attach("p0", {});
  EXPECT_THAT(std::string(third.status().message()), testing::HasSubstr("ports with flows are not shared"));
}

TEST(RedirectLengthTest, IsNothingWhereTheInterfaceTakesNothing) {
  const bpf::DeviceFeatures transmits = {.known = true, .xdp_actions = 7}, does_not = {.known = true, .xdp_actions = 3};
  EXPECT_EQ(RedirectLength({.up = true}, transmits, 1500), 1518u);
  EXPECT_EQ(RedirectLength({.up = true}, {}, 1500), 1518u) << "a kernel that does not tell";
  EXPECT_EQ(RedirectLength({.up = true}, does_not, 1500), 0u);
  EXPECT_EQ(RedirectLength({.up = false}, transmits, 1500), 0u);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
