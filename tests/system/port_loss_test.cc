// SPDX-License-Identifier: Apache-2.0
// Ports that go down and up, are renamed, moved, replaced, or away for good, while they forward (docs/ports.md).
#include <chrono>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "tests/system/forwarding_test.h"
#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

class PortLossTest : public ForwardingTest {
 protected:
  void StartTraffic(std::size_t from, std::size_t to) {
    auto ping = ChildProcess::Start({"ping", "-q", "-i", "0.002", VethRig::ClientIpv4(to)}, &rig().client(from));
    ASSERT_OK(ping);
    traffic_.push_back(std::move(*ping));
  }

  // Pings once a round until an echo comes back: a link takes its time to come up.
  void ExpectPingSoon(std::size_t from, std::size_t to) {
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(15));
    while (std::chrono::steady_clock::now() < end) {
      const auto echo = support::RunCommand({"ping", "-n", "-c", "1", "-W", "1", VethRig::ClientIpv4(to)}, &rig().client(from));
      ASSERT_OK(echo);
      if (echo->exit_code == 0) return;
    }
    ADD_FAILURE() << "no echo\n" << Transcript();
  }

  void Ip(const Arguments& words, const support::NetworkNamespace& network) {
    Arguments command = {"ip"};
    command.insert(command.end(), words.begin(), words.end());
    ASSERT_OK(support::RunSuccessfully(command, &network));
  }
  // In the switch.
  void Ip(const Arguments& words) { Ip(words, rig().switch_namespace()); }
  std::string Link(const std::string& interface) {
    return support::RunSuccessfully({"ip", "-d", "link", "show", interface}, &rig().switch_namespace()).value_or("no such interface");
  }
  bool WasSaid(const std::string& text) { return Transcript().find(text) != std::string::npos; }
  // The interface of a port, and its client's end, are others from now on.
  void ReplacePort(std::size_t port) {
    ForgetSwitchState();
    ShareThePorts();  // counters begin anew
    ASSERT_OK(rig().DeletePort(port));
    ASSERT_OK(rig().MakePort(port));
  }

  void TearDown() override {
    traffic_.clear();
    ForwardingTest::TearDown();
  }

  std::vector<std::unique_ptr<ChildProcess>> traffic_;
};

TEST_F(PortLossTest, APortThatGoesDownAndUpForwardsAgain) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  ASSERT_NO_FATAL_FAILURE(StartTraffic(1, 0));
  for (const std::size_t port : {1, 0}) {
    Ping(0, VethRig::ClientIpv4(1));
    ASSERT_OK(rig().SetPortUp(port, false));
    ASSERT_OK(testpmd().process().WaitForText(absl::StrCat("Port ", port, " (p", port, "): link state change: down")));
    const auto lost = support::RunCommand({"ping", "-n", "-c", "2", "-i", "0.1", "-W", "1", VethRig::ClientIpv4(1)}, &rig().client(0));
    ASSERT_OK(lost);
    EXPECT_NE(lost->exit_code, 0);
    ASSERT_OK(rig().SetPortUp(port, true));
    ExpectPingSoon(0, 1);
    EXPECT_TRUE(testpmd().process().running()) << Transcript();
  }
  PingBothWays();
  StopForwarding();
}

TEST_F(PortLossTest, ACarrierThatGoesAndComesBackIsNoLoss) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  Ping(0, VethRig::ClientIpv4(1));
  ASSERT_OK(support::RunSuccessfully({"ip", "link", "set", "c1", "down"}, &rig().client(1)));
  ASSERT_OK(support::RunSuccessfully({"ip", "link", "set", "c1", "up"}, &rig().client(1)));
  ExpectPingSoon(0, 1);
  StopForwarding();
}

TEST_F(PortLossTest, ADeletedPortIsReportedAndTheOthersGoOn) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.ports = 4}));
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  ASSERT_NO_FATAL_FAILURE(StartTraffic(2, 3));
  Ping(0, VethRig::ClientIpv4(1));
  Ping(2, VethRig::ClientIpv4(3));
  ASSERT_OK(rig().DeletePort(1));
  ForgetSwitchState();
  ASSERT_OK(testpmd().process().WaitForText("Port 1 (p1): the interface is gone, the other ports go on"));
  Ping(2, VethRig::ClientIpv4(3), 20);
  Ping(3, VethRig::ClientIpv6(2), 20);
  EXPECT_TRUE(testpmd().process().running()) << Transcript();
  StopForwarding();
}

TEST_F(PortLossTest, WhenNoPortIsLeftForwardingEndsInOrderAndIsAFailure) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io", "--on-replace=stop"}}));
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  Ping(0, VethRig::ClientIpv4(1));
  ForgetSwitchState();
  ASSERT_OK(rig().DeletePort(0));
  ASSERT_OK(testpmd().process().WaitForText("Port 0 (p0): the interface is gone, the other ports go on"));
  ASSERT_OK(rig().DeletePort(1));
  ASSERT_OK(testpmd().process().WaitForText("Port 1 (p1): the interface is gone, and no port is left to forward"));
  EXPECT_EQ(testpmd().process().Wait().value(), 1) << Transcript();
  EXPECT_NE(testpmd().process().Output().find("all forwarding ports are gone: forwarding ends"), std::string::npos);
  EXPECT_NE(testpmd().process().Output().find(", balanced"), std::string::npos) << Transcript();
}

// Of two ports that txonly sends by, one goes: it stops making packets for it, which would all be dropped.
TEST_F(PortLossTest, NothingIsGeneratedForAPortThatIsGone) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=txonly", "--stats-period", "1", "--port-topology=loop"}}));
  ForgetSwitchState();
  ASSERT_OK(rig().DeletePort(0));
  ASSERT_OK(testpmd().process().WaitForText("Port 0 (p0): the interface is gone"));
  const auto errors = [&] {  // the last "TX-errors" of port 0
    const std::string text = testpmd().process().Output();
    const std::size_t block = text.rfind("NIC statistics for port 0");
    const std::size_t at = block == std::string::npos ? block : text.find("TX-errors: ", block);
    return at == std::string::npos ? 0ul : std::strtoul(text.c_str() + at + 11, nullptr, 10);
  };
  const auto blocks = [&] { return testpmd().process().Output().size(); };
  const auto next_block = [&] {
    const std::size_t before = blocks();
    const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(15));
    while (blocks() < before + 800 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  };
  next_block();
  next_block();
  const unsigned long then = errors();
  next_block();
  next_block();
  EXPECT_EQ(errors(), then) << Transcript();
  ASSERT_OK(testpmd().process().Signal(SIGINT));
  EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
}

TEST_F(PortLossTest, ARenamedPortGoesOnAndItsSettingsArePutBackUnderTheNewName) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"-i", "--forward-mode=io"}}));
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  ASSERT_OK(testpmd().process().Write("port config mtu 0 1400\nmac_addr set 0 02:00:00:00:03:33\nshow port info 0\n"));
  ASSERT_OK(testpmd().process().WaitForText("MTU: 1400"));
  Ip({"link", "set", "p0", "name", "q0"});
  ASSERT_OK(testpmd().process().WaitForText("Port 0 (q0): interface p0 is called q0 now; the port goes on"));
  PingBothWays();
  ASSERT_OK(testpmd().process().Write("set allmulti 0 on\nstop\nport stop 0\nport start 0\nstart\n"));
  ExpectPingSoon(0, 1);
  ASSERT_OK(testpmd().process().Write("quit\n"));
  EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
  EXPECT_FALSE(WasSaid("is gone")) << Transcript();
  EXPECT_TRUE(WasSaid("Port 0 (q0): MTU put back from 1400 to 1500")) << Transcript();
  EXPECT_TRUE(WasSaid(", balanced")) << Transcript();
  Ip({"link", "set", "q0", "name", "p0"});
  ExpectSwitchRestored();
}

// What is reported gone is let go of: who has the interface now can use it.
TEST_F(PortLossTest, APortThatIsMovedAwayWorksThereAndGoesOnWhenItReturns) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  Ping(0, VethRig::ClientIpv4(1));
  const auto pod = support::NetworkNamespace::Create("pod");
  ASSERT_OK(pod);
  ForgetSwitchState();
  ShareThePorts();
  Ip({"link", "set", "p0", "netns", (*pod)->name()});
  ASSERT_OK(testpmd().process().WaitForText("interface p0 was moved to another network namespace"));
  Ip({"address", "add", "10.77.0.77/24", "dev", "p0"}, **pod);
  Ip({"link", "set", "p0", "up"}, **pod);
  Ping(0, "10.77.0.77");
  Ip({"address", "flush", "dev", "p0"}, **pod);
  Ip({"link", "set", "p0", "netns", rig().switch_namespace().name()}, **pod);
  Ip({"link", "set", "p0", "up"});
  ExpectPingSoon(0, 1);
  EXPECT_TRUE(WasSaid("an interface p0 is there (again)")) << Transcript();
  StopForwarding();
}

TEST_F(PortLossTest, APortWhoseInterfaceIsMadeAgainForwardsAgain) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding(
      {.options = {"--forward-mode=mac", "--max-pkt-len=1418", "--eth-peer=0,02:00:00:00:01:00", "--eth-peer=1,02:00:00:00:01:01"}}));
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  ExpectPingSoon(0, 1);
  ASSERT_NO_FATAL_FAILURE(ReplacePort(1));
  ExpectPingSoon(0, 1);
  ExpectPingSoon(1, 0);
  EXPECT_NE(Link("p1").find("mtu 1400"), std::string::npos) << Link("p1");
  EXPECT_TRUE(WasSaid("Port 1 (p1): the interface is gone, the other ports go on: interface p1 was deleted")) << Transcript();
  StopForwarding();
  EXPECT_NE(Link("p1").find("mtu 1500"), std::string::npos) << Link("p1") << Transcript();
}

TEST_F(PortLossTest, WithOnReplaceStopAPortStaysStoppedUntilItIsStarted) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"-i", "--forward-mode=io", "--on-replace=stop"}}));
  ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
  Ping(0, VethRig::ClientIpv4(1));
  ASSERT_NO_FATAL_FAILURE(ReplacePort(1));
  ASSERT_OK(testpmd().process().WaitForText("; port start 1 takes it"));
  EXPECT_EQ(Link("p1").find("xdp"), std::string::npos) << Link("p1");
  ASSERT_OK(testpmd().process().Write("port start 1\n"));
  ExpectPingSoon(0, 1);
  StopForwarding();
}

TEST_F(PortLossTest, AnotherMtuIsFollowedAtOnce) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  for (std::size_t port : {0, 1}) {
    Ip({"link", "set", VethRig::PortInterface(port), "mtu", "1700"});
    Ip({"link", "set", VethRig::ClientInterface(port), "mtu", "1700"}, rig().client(port));
    ASSERT_OK(testpmd().process().WaitForText(
        absl::StrCat("Port ", port, " (p", port, "): MTU is 1700 now, 1500 before; packets up to that are sent")));
  }
  Ping(0, VethRig::ClientIpv4(1), 3, {"-M", "do", "-s", "1600"});
  Ping(1, VethRig::ClientIpv4(0), 3, {"-M", "do", "-s", "1600"});
  ForgetSwitchState();
  StopForwarding();
}

TEST_F(PortLossTest, TheOnlyPortIsWaitedForAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ASSERT_NO_FATAL_FAILURE(StartWords(
      {"-l", "0,1", "--no-huge", "-m", "512", "--vdev", "net_af_xdp0,iface=p0", "--", "--forward-mode=txonly", "--total-num-mbufs=32768"}));
  ForgetSwitchState();
  ShareThePorts();
  ASSERT_OK(rig().DeletePort(0));
  ASSERT_OK(testpmd().process().WaitForText(
      "Port 0 (p0): the interface is gone, and no port is left to forward: interface p0 was deleted; waiting"));
  ASSERT_OK(rig().MakePort(0));
  ASSERT_OK(testpmd().process().WaitForText("; the port goes on with it"));
  const auto end = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(10));
  const auto arrived = [&] { return rig().ClientCounters(0).value_or(support::InterfaceCounters{}).rx_packets; };
  while (arrived() < 1000 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_GE(arrived(), 1000u) << Transcript();
  StopForwarding();
}

TEST_F(PortLossTest, TheOnlyPortThatDoesNotComeBackIsAFailure) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ASSERT_NO_FATAL_FAILURE(StartWords({"-l", "0,1", "--no-huge", "-m", "512", "--vdev", "net_af_xdp0,iface=p0", "--", "--json",
                                      "--forward-mode=txonly", "--total-num-mbufs=32768"}));
  ForgetSwitchState();
  ASSERT_OK(rig().DeletePort(0));
  ASSERT_OK(testpmd().process().WaitForText("no port is left to forward"));
  ASSERT_OK(testpmd().process().Signal(SIGINT));
  EXPECT_EQ(testpmd().process().Wait().value(), 1) << Transcript();
  EXPECT_TRUE(WasSaid("all forwarding ports are gone, and none has come back")) << Transcript();
  EXPECT_TRUE(WasSaid(", balanced")) << Transcript();
  nlohmann::json gone, final;
  std::istringstream lines(testpmd().process().Output());
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json object = nlohmann::json::parse(line);
    if (object["event"] == "gone") gone = object;
    if (object["event"] == "final") final = object;
  }
  EXPECT_EQ(gone["port"], 0) << Transcript();
  EXPECT_EQ(gone["interface"], "p0");
  EXPECT_EQ(gone["awaited"], true);
  EXPECT_EQ(final["balanced"], true) << Transcript();
}

// Under traffic, the account of each testpmd exact. POLLUX_PORT_ROUNDS=50 is the whole of it.
TEST_F(PortLossTest, RoundsOfReplacementRenameAndKill) {
  const char* wanted = std::getenv("POLLUX_PORT_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 3;
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    traffic_.clear();
    ASSERT_NO_FATAL_FAILURE(StartTraffic(0, 1));
    ASSERT_NO_FATAL_FAILURE(StartTraffic(1, 0));
    const std::size_t port = round % 2;
    ASSERT_NO_FATAL_FAILURE(ReplacePort(port));
    ExpectPingSoon(0, 1);
    const std::string name = VethRig::PortInterface(1 - port), other = absl::StrCat("renamed", round);
    Ip({"link", "set", name, "name", other});
    ASSERT_OK(testpmd().process().WaitForText(absl::StrCat("interface ", name, " is called ", other, " now")));
    ExpectPingSoon(1, 0);
    Ip({"link", "set", other, "name", name});
    ASSERT_OK(testpmd().process().WaitForText(absl::StrCat("interface ", other, " is called ", name, " now")));
    StopForwarding();
    ASSERT_FALSE(HasFailure());
    ASSERT_NO_FATAL_FAILURE(StartForwarding());
    ExpectPingSoon(0, 1);
    ASSERT_OK(testpmd().process().Signal(SIGKILL));
    ASSERT_EQ(testpmd().process().Wait().value(), 128 + SIGKILL);
    ASSERT_NO_FATAL_FAILURE(StartForwarding());
    ExpectPingSoon(0, 1);
  }
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
