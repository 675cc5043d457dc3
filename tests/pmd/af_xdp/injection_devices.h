// SPDX-License-Identifier: Apache-2.0
// InjectionDevices: packets of all lengths, with and without a VLAN tag, are injected through a device and seen at the other end.
#ifndef TESTS_PMD_AF_XDP_INJECTION_DEVICES_H_
#define TESTS_PMD_AF_XDP_INJECTION_DEVICES_H_

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include "bpf/inject_shared.h"
#include "pmd/af_xdp/af_xdp_device.h"
#include "pmd/visible_region.h"
#include "tests/support/frame_socket.h"
#include "tests/support/packet_builder.h"
#include "tests/support/pool_fixture.h"
#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"
#include "tools/support/patience.h"

namespace pollux::pmd::af_xdp {

// The test is in a network namespace of its own.
class InjectionDevices : public testing::Test {
 protected:
  using Frame = std::vector<std::byte>;
  using Wanted = std::function<bool(const Frame&)>;

  static constexpr std::size_t kTag = 4, kEthernetHeader = 14;
  // With this the longest packet with a tag is the longest that a live frame holds.
  static constexpr std::size_t kLongestMtu = INJECT_LONGEST_FRAME - kTag - kEthernetHeader;

  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    auto network = support::NetworkNamespace::Create("inject");
    ASSERT_TRUE(network.ok()) << network.status();
    network_ = *std::move(network);
    auto scope = support::NamespaceScope::Enter(*network_);
    ASSERT_TRUE(scope.ok()) << scope.status();
    scope_ = *std::move(scope);
    for (const char* all : {"default", "all"}) Run({"sysctl", "-qw", std::string("net.ipv6.conf.") + all + ".disable_ipv6=1"});
    pool_ = support::MakePool({.frame_count = 2048, .frame_size = 4096, .slab_frames = 64}, &CreateVisibleRegion);
    ASSERT_NE(pool_, nullptr);
  }

  void Run(const std::vector<std::string>& command) {
    const auto output = support::RunSuccessfully(command, network_.get());
    ASSERT_TRUE(output.ok()) << output.status();
  }
  void Up(const std::string& interface, std::size_t mtu) {
    Run({"ip", "link", "set", interface, "mtu", std::to_string(mtu), "promisc", "on", "up"});
  }
  // Two ends, both up; each takes XDP frames from the other.
  void AddPair(const std::string& one, const std::string& other) {
    Run({"ip", "link", "add", one, "type", "veth", "peer", "name", other});
    for (const std::string& end : {one, other}) {
      Up(end, kLongestMtu);
      Run({"ethtool", "-K", end, "gro", "on"});
    }
  }

  // Injects in bursts and has `receive` find each packet, whole and in order. `mtu`: of all interfaces on the way.
  void Check(const std::string& interface, std::size_t mtu, const std::function<absl::StatusOr<Frame>(const Wanted&)>& receive) {
    auto device = AfXdpDevice::Open(*DeviceArguments::Parse("net_af_xdp0,force_copy=1,tx=inject,iface=" + interface));
    ASSERT_TRUE(device.ok()) << device.status();
    absl::Status status = (*device)->Configure({.pool = pool_});
    if (status.ok()) status = (*device)->Start();
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(CheckRequired((*device)->Features(), {kFeatureInject}).ok()) << CheckRequired((*device)->Features(), {kFeatureInject});
    std::vector<Frame> frames;
    for (const bool tagged : {false, true}) {
      for (const std::size_t length : {std::size_t{60}, std::size_t{64}, std::size_t{65}, std::size_t{590}, std::size_t{1514},
                                       mtu + kEthernetHeader - 1, mtu + kEthernetHeader}) {
        const std::size_t whole = length + (tagged && length > 64 ? kTag : 0);
        support::PacketBuilder builder;
        builder.Ethernet({.destination = "02:00:00:00:77:02"});
        if (tagged) builder.Vlan(77);
        frames.push_back(builder.Ipv4({.identification = static_cast<uint16_t>(frames.size())}).Udp().FillTo(whole).Build());
      }
    }
    for (int round = 0; round < kRounds; ++round) {
      Send(**device, frames);
      for (const Frame& frame : frames) {
        const auto received = receive([](const Frame& seen) {
          static constexpr std::byte kOurs[] = {std::byte{2}, {}, {}, {}, std::byte{0x77}, std::byte{2}};
          return seen.size() > sizeof(kOurs) && std::memcmp(seen.data(), kOurs, sizeof(kOurs)) == 0;
        });
        ASSERT_TRUE(received.ok()) << received.status() << ", a packet of " << frame.size() << " bytes, round " << round;
        ASSERT_TRUE(*received == frame) << received->size() << " bytes came, other than the " << frame.size() << " that were sent";
      }
    }
    ASSERT_TRUE((*device)->Stop().ok());
    for (const NamedCounter& counter : (*device)->ExtendedStats()) {
      if (counter.name == "tx_q0_inject_packets") {
        EXPECT_EQ(counter.value, frames.size() * kRounds) << "some took the ring";
      }
    }
    EXPECT_TRUE(support::FramesAreFree(*pool_));
  }
  // The receiver is an interface of the test's namespace.
  void CheckBetween(const std::string& interface, const std::string& receiver, std::size_t mtu) {
    const auto socket = support::FrameSocket::Open(*network_, receiver);
    ASSERT_TRUE(socket.ok()) << socket.status();
    Check(interface, mtu, [&](const Wanted& wanted) { return (*socket)->Receive(wanted, Patience()); });
  }
  static std::chrono::milliseconds Patience() { return support::Patience(std::chrono::milliseconds(20000)); }

  std::unique_ptr<support::NetworkNamespace> network_;
  std::unique_ptr<support::NamespaceScope> scope_;  // left before the namespace goes
  std::shared_ptr<mempool::Pool> pool_;

 private:
  static constexpr int kRounds = 2;

  void Send(Device& device, const std::vector<Frame>& frames) {
    std::vector<Packet> packets = support::AllocatePackets(*pool_, frames.size());
    ASSERT_EQ(packets.size(), frames.size());
    for (std::size_t index = 0; index < frames.size(); ++index) {
      std::memcpy(packets[index].data, frames[index].data(), frames[index].size());
      packets[index].length = static_cast<uint32_t>(frames[index].size());
    }
    const std::size_t taken = device.tx_queue(0).Send(packets);
    EXPECT_EQ(taken, packets.size());
    mempool::Pool::Free(std::span(packets).subspan(taken));
  }
};

}  // namespace pollux::pmd::af_xdp

#endif  // TESTS_PMD_AF_XDP_INJECTION_DEVICES_H_
