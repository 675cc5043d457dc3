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

TEST_F(SettingTest, CommandsForTheLinkReachTheInterfaceAndAreUndone) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"-i", "--forward-mode=io"}}));
  ASSERT_NO_FATAL_FAILURE(Command("set allmulti 0 on"));
  ExpectLink("allmulti 1");
  ASSERT_NO_FATAL_FAILURE(Command("set allmulti 0 off"));
  ExpectLink("allmulti 0");
  ASSERT_NO_FATAL_FAILURE(Command("set link-down port 0"));
  ExpectLink("state DOWN");
  ASSERT_NO_FATAL_FAILURE(Command("set link-up port 0"));
  ExpectLink("UP");
  ASSERT_NO_FATAL_FAILURE(Command("set link-down port 0"));
  ASSERT_OK(testpmd().process().Write("quit\n"));
  EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
  ExpectSwitchRestored();
}

TEST_F(SettingTest, PromiscuousModeThatWasSwitchedOffStaysOff) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"-i", "--forward-mode=io"}}));
  for (const char* command : {"set promisc 0 off", "port stop 0", "port config all rxd 512", "port start 0"}) {
    ASSERT_NO_FATAL_FAILURE(Command(command));
  }
  ExpectLink("promiscuity 0");
  ASSERT_OK(testpmd().process().Write("show port info 0\nquit\n"));
  EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
  EXPECT_NE(testpmd().process().Output().find("Promiscuous mode: disabled"), std::string::npos);
}

TEST_F(SettingTest, AHangUpPutsEverythingBack) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"-i", "--forward-mode=io"}}));
  ASSERT_NO_FATAL_FAILURE(Command("port config mtu 0 1400"));
  ExpectLink("mtu 1400");
  ASSERT_OK(testpmd().process().Signal(SIGHUP));
  EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
  ExpectSwitchRestored();
}

TEST_F(SettingTest, AllMissingCapabilitiesAreNamedAtOnce) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  const auto refused = support::RunCommand({"setpriv", "--bounding-set", "-net_raw,-net_admin,-bpf,-perfmon,-sys_admin", "--inh-caps",
                                            "-net_raw,-net_admin,-bpf,-perfmon,-sys_admin", TestpmdProcess::Program(), "-l", "0,1",
                                            "--no-huge", "--vdev", "net_af_xdp0,iface=p0", "--", "--seconds", "1"},
                                           &rig().switch_namespace());
  ASSERT_OK(refused);
  EXPECT_EQ(refused->exit_code, 1) << refused->output;
  EXPECT_NE(refused->errors.find("this process lacks CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON"), std::string::npos)
      << refused->errors;
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
