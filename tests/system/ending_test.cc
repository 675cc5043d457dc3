// SPDX-License-Identifier: Apache-2.0
// However testpmd ends, the interfaces are as they were. ForwardingTest compares `ip -d link`, `bpftool net`, pins and processes.
#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

class EndingTest : public ForwardingTest {
 protected:
  // Traffic that goes on while testpmd ends.
  void StartTraffic() {
    auto ping = ChildProcess::Start({"ping", "-q", "-i", "0.002", VethRig::ClientIpv4(1)}, &rig().client(0));
    ASSERT_OK(ping);
    traffic_ = std::move(*ping);
  }
  void TearDown() override {
    traffic_.reset();
    ForwardingTest::TearDown();
  }

 private:
  std::unique_ptr<ChildProcess> traffic_;
};

TEST_F(EndingTest, AnInterruptUnderTrafficBalances) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_NO_FATAL_FAILURE(StartTraffic());
  Ping(0, VethRig::ClientIpv4(1));
  StopForwarding(SIGINT);
}

TEST_F(EndingTest, ATerminationUnderTrafficBalances) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_NO_FATAL_FAILURE(StartTraffic());
  Ping(0, VethRig::ClientIpv4(1));
  StopForwarding(SIGTERM);
}

TEST_F(EndingTest, AKillUnderTrafficLeavesNothing) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_NO_FATAL_FAILURE(StartTraffic());
  Ping(0, VethRig::ClientIpv4(1));
  ASSERT_OK(testpmd().process().Signal(SIGKILL));
  EXPECT_EQ(testpmd().process().Wait().value(), 128 + SIGKILL);
  ExpectSwitchRestored();
}

TEST_F(EndingTest, AnotherStartsRightBehindAKilledOne) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_NO_FATAL_FAILURE(StartTraffic());
  Ping(0, VethRig::ClientIpv4(1));
  ASSERT_OK(testpmd().process().Signal(SIGKILL));
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  PingBothWays();
  StopForwarding();
}

TEST_F(EndingTest, AnotherStartsRightBehindAnEndedOne) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_NO_FATAL_FAILURE(StartForwarding());
    Ping(0, VethRig::ClientIpv4(1));
    StopForwarding();
  }
}

}  // namespace
}  // namespace pollux::system_tests
