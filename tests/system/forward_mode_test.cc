// SPDX-License-Identifier: Apache-2.0
// Every forward mode between ports, set up as its users do, carries ping and HTTP.
#include "tests/system/forwarding_test.h"
#include "tests/system/http_download.h"
#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

class ForwardModeTest : public ForwardingTest {
 protected:
  // The next hop behind port N is client N.
  static Arguments WithPeers(Arguments options) {
    for (std::size_t port : {0, 1}) options.push_back("--eth-peer=" + std::to_string(port) + "," + VethRig::ClientMac(port));
    return options;
  }

  void ExpectPingAndHttp() {
    PingBothWays();
    const absl::Status fetched = HttpDownload().Fetch(rig().client(1), VethRig::ClientIpv4(1), rig().client(0));
    EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  }
};

TEST_F(ForwardModeTest, Io) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io"}}));
  ExpectPingAndHttp();
  StopForwarding();
}

TEST_F(ForwardModeTest, MacToTheNextHops) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = WithPeers({"--forward-mode=mac"})}));
  ExpectPingAndHttp();
  const auto sent = PacketBuilder().Ethernet({.source = "02:00:00:00:00:0a", .destination = "02:00:00:00:00:0b"}).Ipv4().Udp().Build();
  const auto rewritten =
      PacketBuilder().Ethernet({.source = VethRig::PortMac(1), .destination = VethRig::ClientMac(1)}).Ipv4().Udp().Build();
  ExpectArrival(0, 1, sent, rewritten);
  StopForwarding();
}

// Swapped addresses reach the other side's stack if both sides have the same.
TEST_F(ForwardModeTest, MacSwapBetweenClientsOfOneAddress) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ASSERT_OK(support::RunSuccessfully({"ip", "link", "set", "c1", "address", VethRig::ClientMac(0)}, &rig().client(1)));
  for (std::size_t from : {0, 1}) {
    for (const std::string& address : {VethRig::ClientIpv4(1 - from), VethRig::ClientIpv6(1 - from)}) {
      ASSERT_OK(support::RunSuccessfully(
          {"ip", "neighbour", "replace", address, "lladdr", VethRig::ClientMac(0), "dev", VethRig::ClientInterface(from)},
          &rig().client(from)));
    }
  }
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=macswap"}}));
  ExpectPingAndHttp();
  const auto frame = PacketBuilder().Ethernet({.source = "02:00:00:00:00:0a", .destination = "02:00:00:00:00:0b"}).Ipv4().Udp().Build();
  const auto swapped = PacketBuilder().Ethernet({.source = "02:00:00:00:00:0b", .destination = "02:00:00:00:00:0a"}).Ipv4().Udp().Build();
  ExpectArrival(0, 1, frame, swapped);
  StopForwarding();
}

// On a looped port the sender meets its own packets, turned around: a ping answers itself.
TEST_F(ForwardModeTest, FiveTupleSwapOnALoopedPort) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.static_neighbours = true}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=5tswap", "--port-topology=loop"}}));
  Ping(0, VethRig::ClientIpv4(1));
  Ping(1, VethRig::ClientIpv6(0));
  const auto sent = PacketBuilder()
                        .Ethernet(Between(0, 1))
                        .Ipv4({.source = "192.0.2.1", .destination = "192.0.2.2"})
                        .Udp({.source = 7, .destination = 9})
                        .Payload(50)
                        .Build();
  const auto turned = PacketBuilder()
                          .Ethernet(Between(1, 0))
                          .Ipv4({.source = "192.0.2.2", .destination = "192.0.2.1"})
                          .Udp({.source = 9, .destination = 7})
                          .Payload(50)
                          .Build();
  ExpectArrival(0, 0, sent, turned);
  StopForwarding();
}

TEST_F(ForwardModeTest, IcmpEchoAnswersForAnAddressThatNobodyHas) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=icmpecho"}}));
  Ping(0, "10.77.0.200");
  Ping(1, "10.77.0.201", 3, {"-s", "1472"});
  StopForwarding();
}

TEST_F(ForwardModeTest, CsumCarriesTraffic) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = WithPeers({"--forward-mode=csum"})}));
  ExpectPingAndHttp();
  StopForwarding();
}

TEST_F(ForwardModeTest, CsumRepairsBrokenChecksums) {
  constexpr std::size_t kIpv4Checksum = 14 + 10, kUdpChecksum = 14 + 20 + 6, kTcpChecksum = 14 + 20 + 16;
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = WithPeers({"--forward-mode=csum"})}));
  const support::EthernetFields in = Between(0, 1), out = {.source = VethRig::PortMac(1), .destination = VethRig::ClientMac(1)};
  const auto udp = [](const auto& header) { return PacketBuilder().Ethernet(header).Ipv4().Udp().Payload(99).Build(); };
  const auto tcp = [](const auto& header) { return PacketBuilder().Ethernet(header).Ipv4().Tcp().Payload(64).Build(); };
  const auto broken = [](FrameSocket::Frame frame, std::size_t offset) {
    frame[offset] ^= std::byte{0x55};
    return frame;
  };
  ExpectArrival(0, 1, broken(udp(in), kIpv4Checksum), udp(out));
  ExpectArrival(0, 1, broken(udp(in), kUdpChecksum), udp(out));
  ExpectArrival(0, 1, broken(tcp(in), kTcpChecksum), tcp(out));
  StopForwarding();
}

TEST_F(ForwardModeTest, TxOnlyTellsWhenItsPacketsWentOut) {
  ASSERT_NO_FATAL_FAILURE(
      StartForwarding({.device_arguments = "tx_metadata=timestamp", .options = {"--forward-mode=txonly", "-i", "--auto-start"}}));
  ASSERT_OK(testpmd().process().Write("stop\nset tx-timestamps on\nstart\n"));
  int looks = 0;
  EXPECT_TRUE(support::Eventually([&] {
    if (looks++ % 40 == 0) testpmd().process().Write("show fwd stats all\n").IgnoreError();
    return Transcript().find("TX-timestamps: ") != std::string::npos;
  })) << Transcript();
  StopForwarding();
}

TEST_F(ForwardModeTest, NoisyHoldsBackAndForwards) {
  ASSERT_NO_FATAL_FAILURE(
      StartForwarding({.options = {"--forward-mode=noisy", "--noisy-tx-sw-buffer-size=64", "--noisy-tx-sw-buffer-flushtime=5",
                                   "--noisy-lkup-memory=16", "--noisy-lkup-num-reads=4", "--noisy-lkup-num-writes=2"}}));
  ExpectPingAndHttp();
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
