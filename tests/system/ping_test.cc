// SPDX-License-Identifier: Apache-2.0
// Echo requests and replies, IPv4 and IPv6, up to what the MTU allows; who is where is found by ARP and neighbour discovery.
#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

using PingTest = ForwardingTest;

TEST_F(PingTest, EveryEchoOfBothFamiliesComesBack) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  PingBothWays();
  StopForwarding();
}

TEST_F(PingTest, FramesAsLongAsTheMtuPass) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  Ping(0, VethRig::ClientIpv4(1), 5, {"-s", "1472", "-M", "do"});
  Ping(1, VethRig::ClientIpv6(0), 5, {"-s", "1452", "-M", "do"});
  StopForwarding();
}

TEST_F(PingTest, FragmentsOfALongPacketPass) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  Ping(0, VethRig::ClientIpv4(1), 3, {"-s", "20000"});
  Ping(0, VethRig::ClientIpv6(1), 3, {"-s", "20000"});
  StopForwarding();
}

TEST_F(PingTest, TheKernelsCountersAndTheAccountAgree) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false, .static_neighbours = true}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io", "--no-flush-rx"}}));
  Ping(0, VethRig::ClientIpv4(1), 100, {"-i", "0.002"});
  StopForwarding();
  ASSERT_EQ(account().ports.size(), 2u);
  for (std::size_t port = 0; port < 2; ++port) {
    const auto client = rig().ClientCounters(port);
    ASSERT_OK(client);
    EXPECT_EQ(client->tx_packets, 100u);
    EXPECT_EQ(client->rx_packets, 100u);
    EXPECT_EQ(account().ports[port].received, 100u);
    EXPECT_EQ(account().ports[port].sent, 100u);
    EXPECT_EQ(account().ports[port].tx_dropped, 0u);
  }
}

TEST_F(PingTest, TwoPairsOfPortsDoNotMix) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.ports = 4}));
  Ping(0, VethRig::ClientIpv4(1));
  Ping(3, VethRig::ClientIpv4(2));
  const auto across = support::RunCommand({"ping", "-n", "-c", "2", "-i", "0.1", "-W", "1", VethRig::ClientIpv4(2)}, &rig().client(0));
  ASSERT_OK(across);
  EXPECT_NE(across->exit_code, 0) << across->output;
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
