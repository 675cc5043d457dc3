// SPDX-License-Identifier: Apache-2.0
// Settings of an interface that testpmd changes: they take effect, and are as before when it has ended.
#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

class SettingTest : public ForwardingTest {
 protected:
  void ExpectLink(const std::string& text) {
    const auto link = support::RunSuccessfully({"ip", "-d", "link", "show", "p0"}, &rig().switch_namespace());
    ASSERT_OK(link);
    EXPECT_NE(link->find(text), std::string::npos) << *link << Transcript();
  }
  // A command of the console, and the prompt behind it.
  void Command(const std::string& command) {
    ASSERT_OK(testpmd().process().Write(command + "\n"));
    const std::string marker = "plx-marker-" + std::to_string(++commands_);
    ASSERT_OK(testpmd().process().Write(marker + "\n"));  // comes back in the complaint about it
    ASSERT_OK(testpmd().process().WaitForText(marker));
  }

 private:
  int commands_ = 0;
};

TEST_F(SettingTest, PromiscuousModeIsOnWhileForwardingAndEndsWithIt) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ExpectLink("promiscuity 1");
  StopForwarding();
  ExpectSwitchRestored();
}

TEST_F(SettingTest, PromiscuousModeEndsWithAKilledProcess) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ExpectLink("promiscuity 1");
  ASSERT_OK(testpmd().process().Signal(SIGKILL));
  ASSERT_OK(testpmd().process().Wait());
  ExpectSwitchRestored();
}

TEST_F(SettingTest, MtuAndAddressAreAsBeforeAtTheEnd) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"-i", "--forward-mode=io"}}));
  ASSERT_NO_FATAL_FAILURE(Command("port config mtu 0 1400"));
  ASSERT_NO_FATAL_FAILURE(Command("mac_addr set 0 02:00:00:00:03:33"));
  ExpectLink("mtu 1400");
  ExpectLink("02:00:00:00:03:33");
  ASSERT_OK(testpmd().process().Write("quit\n"));
  EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
  ExpectSwitchRestored();
}

TEST_F(SettingTest, WhatAKilledProcessChangedIsPutBackByTheNext) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"-i", "--forward-mode=io"}}));
  ASSERT_NO_FATAL_FAILURE(Command("port config mtu 0 1400"));
  ExpectLink("mtu 1400");
  ASSERT_OK(testpmd().process().Signal(SIGKILL));
  ASSERT_OK(testpmd().process().Wait());
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ExpectLink("mtu 1500");
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
