// SPDX-License-Identifier: Apache-2.0
#include "tests/support/veth_rig.h"

#include <gtest/gtest.h>

#include "tools/support/child_process.h"

namespace pollux::support {
namespace {

class VethRigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespace::MayCreate()) GTEST_SKIP() << "making network namespaces takes root";
  }
};

TEST_F(VethRigTest, EveryPortHasItsQueuesMtuAndAddresses) {
  const auto rig = VethRig::Create({.ports = 3, .queues = 4, .mtu = 1400});
  ASSERT_TRUE(rig.ok()) << rig.status();
  for (std::size_t port = 0; port < 3; ++port) {
    const auto channels =
        RunSuccessfully({"ls", "/sys/class/net/" + VethRig::PortInterface(port) + "/queues"}, &(*rig)->switch_namespace());
    EXPECT_EQ(channels.value(), "rx-0\nrx-1\nrx-2\nrx-3\ntx-0\ntx-1\ntx-2\ntx-3\n");
    const auto link = RunSuccessfully({"ip", "address", "show", VethRig::ClientInterface(port)}, &(*rig)->client(port)).value();
    EXPECT_NE(link.find("mtu 1400"), std::string::npos) << link;
    EXPECT_NE(link.find(VethRig::ClientIpv4(port) + "/24"), std::string::npos) << link;
    EXPECT_NE(link.find(VethRig::ClientIpv6(port) + "/64"), std::string::npos) << link;
    EXPECT_NE(link.find(VethRig::ClientMac(port)), std::string::npos) << link;
  }
}

TEST_F(VethRigTest, NothingGetsThroughWithoutAForwarder) {
  const auto rig = VethRig::Create({.static_neighbours = true});
  ASSERT_TRUE(rig.ok()) << rig.status();
  EXPECT_EQ(RunCommand({"ping", "-c", "1", "-W", "1", VethRig::ClientIpv4(1)}, &(*rig)->client(0)).value().exit_code, 1);
  EXPECT_GE((*rig)->ClientCounters(0).value().tx_packets, 1u);
  EXPECT_GE((*rig)->PortCounters(0).value().rx_packets, 1u);
  EXPECT_EQ((*rig)->PortCounters(1).value().tx_packets, 0u);
}

TEST_F(VethRigTest, TheSwitchStateTellsWhatChanged) {
  const auto rig = VethRig::Create();
  ASSERT_TRUE(rig.ok()) << rig.status();
  const std::string before = (*rig)->SwitchState().value();
  EXPECT_EQ((*rig)->SwitchState().value(), before);
  ASSERT_TRUE((*rig)->SetPortUp(1, false).ok());
  EXPECT_NE((*rig)->SwitchState().value(), before);
  ASSERT_TRUE((*rig)->SetPortUp(1, true).ok());
  EXPECT_EQ((*rig)->SwitchState().value(), before);
  const auto child = ChildProcess::Start({"sleep", "60"}, &(*rig)->switch_namespace());
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_NE((*rig)->SwitchState().value(), before);
}

TEST_F(VethRigTest, ADeletedPortIsGone) {
  const auto rig = VethRig::Create();
  ASSERT_TRUE(rig.ok()) << rig.status();
  ASSERT_TRUE((*rig)->DeletePort(1).ok());
  EXPECT_FALSE((*rig)->PortCounters(1).ok());
  EXPECT_TRUE((*rig)->PortCounters(0).ok());
}

}  // namespace
}  // namespace pollux::support
