// SPDX-License-Identifier: Apache-2.0
// Echo requests and replies, IPv4 and IPv6, up to what the MTU allows; who is where is found by ARP and neighbour discovery.
#include <chrono>
#include <utility>

#include "tests/system/forwarding_test.h"
#include "tools/support/patience.h"

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
  const auto end = std::chrono::steady_clock::now() + support::Patience(support::kDefaultDeadline);
  auto client = rig().ClientCounters(0);
  while (client.ok() && client->rx_packets < client->tx_packets && std::chrono::steady_clock::now() < end) client = rig().ClientCounters(0);
  ASSERT_OK(client);
  StopForwarding();
  ASSERT_EQ(account().ports.size(), 2u);
  EXPECT_GE(client->tx_packets, 100u);
  for (const auto& [port, other] : {std::pair(0, 1), std::pair(1, 0)}) {
    const auto counters = rig().ClientCounters(port);
    ASSERT_OK(counters);
    EXPECT_EQ(counters->rx_packets, counters->tx_packets);
    EXPECT_EQ(account().ports[port].received, counters->tx_packets);
    EXPECT_EQ(account().ports[port].sent, counters->rx_packets);
    EXPECT_EQ(account().ports[port].sent, account().ports[other].received);
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
