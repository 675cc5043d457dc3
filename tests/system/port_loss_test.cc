// SPDX-License-Identifier: Apache-2.0
// Ports that go down and up, or away for good, while they forward.
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include <absl/strings/str_cat.h>

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
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
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

}  // namespace
}  // namespace pollux::system_tests
