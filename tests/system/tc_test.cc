// SPDX-License-Identifier: Apache-2.0
// attach=tc: clients as a container is by default, and nothing is set in them. What no flow takes goes through testpmd by way of the
// companion.
#include <absl/strings/str_cat.h>

#include "tests/system/forwarding_test.h"
#include "tests/system/http_download.h"
#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

constexpr char kAtTc[] = "attach=tc";

class TcTest : public ForwardingTest {
 protected:
  // Joined segments count once in the clients' counters, and more often in testpmd's.
  void StartAtTc(const CommandLine& command = {.device_arguments = kAtTc}, const VethRigOptions& options = {}) {
    ASSERT_NO_FATAL_FAILURE(BuildRig(options));
    ShareThePorts();
    ASSERT_NO_FATAL_FAILURE(StartForwarding(command));
  }
  void ExpectHttp(std::size_t server, const std::string& address) {
    const absl::Status fetched = HttpDownload(2 << 20).Fetch(rig().client(server), address, rig().client(1 - server));
    EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  }
  void ExpectEverythingPasses() {
    PingBothWays();
    ExpectHttp(0, VethRig::ClientIpv4(0));
    ExpectHttp(1, VethRig::ClientIpv6(1));
    const auto frame = PacketBuilder().Ethernet(Between(0, 1)).Ipv4().Udp().Payload(700).Build();
    ExpectArrival(0, 1, frame, frame);
  }
  bool HasCompanion() {
    const auto links = support::RunSuccessfully({"ip", "-o", "link"}, &rig().switch_namespace());
    return links.ok() && links->find(": plx") != std::string::npos;  // a name, and not that of a namespace
  }
};

TEST_F(TcTest, ClientsWithDefaultSettingsTalk) {
  ASSERT_NO_FATAL_FAILURE(StartAtTc());
  EXPECT_TRUE(HasCompanion());
  ExpectEverythingPasses();
  StopForwarding();
  EXPECT_FALSE(HasCompanion());
}

// Tags of either end are in the bytes, for testpmd and behind it.
TEST_F(TcTest, TaggedFramesArriveByteForByte) {
  ASSERT_NO_FATAL_FAILURE(StartAtTc({.device_arguments = kAtTc}, {.ipv6 = false, .static_neighbours = true}));
  for (const FrameSocket::Frame& frame : {
           PacketBuilder().Ethernet(Between(0, 1)).Vlan(100, {.priority = 7}).Ipv4().Udp().Payload(333).Build(),
           PacketBuilder().Ethernet(Between(0, 1)).Vlan(20, {.tag_protocol = 0x88a8}).Vlan(30).Ipv4().Tcp().Payload(99).Build(),
       }) {
    ExpectArrival(0, 1, frame, frame);
  }
  StopForwarding();
}

TEST_F(TcTest, NothingIsLeftOfAKilledProcess) {
  ASSERT_NO_FATAL_FAILURE(StartAtTc());
  Ping(0, VethRig::ClientIpv4(1));
  ASSERT_OK(testpmd().process().Signal(SIGKILL));
  ASSERT_OK(testpmd().process().Wait());
  // The kernel takes namespaces apart one after the other, those of other tests too.
  EXPECT_TRUE(support::Eventually([this] { return !HasCompanion(); }, std::chrono::seconds(60)));
  ExpectSwitchRestored();
}

// testpmd itself forwards nothing: what gets through, the kernel has forwarded.
class TcFlowTest : public TcTest {
 protected:
  void StartWithFlows(CommandLine command, const std::string& mode = "rxonly") {
    command.options = {"--forward-mode=" + mode, "-i"};
    ASSERT_NO_FATAL_FAILURE(StartAtTc(command));
    Type("flow create 0 ingress pattern eth / end actions count / port_id id 1 / end");
    Type("flow create 1 ingress pattern eth / end actions count / port_id id 0 / end");
  }
  void Type(const std::string& line, const std::string& answer = "Flow rule #0 created") {
    const std::size_t before = testpmd().process().Output().size();
    ASSERT_OK(testpmd().process().Write(line + "\n"));
    ASSERT_TRUE(support::Eventually([&] { return testpmd().process().Output().find(answer, before) != std::string::npos; }))
        << line << ": no answer '" << answer << "'\n"
        << Transcript();
  }
};

TEST_F(TcFlowTest, TcpOfClientsWithDefaultSettingsStaysInTheKernel) {
  ASSERT_NO_FATAL_FAILURE(StartWithFlows({.device_arguments = kAtTc}));
  ExpectEverythingPasses();
  Type("show flow stats", "flow_hits");
  StopForwarding();
}

// What comes from the port at XDP has unfinished checksums: testpmd forwards it.
TEST_F(TcFlowTest, FromTcToXdpAndBack) {
  ASSERT_NO_FATAL_FAILURE(StartWithFlows({.devices = {"net_af_xdp0,iface=p0,attach=tc", "net_af_xdp1,iface=p1"}}, "io"));
  ExpectEverythingPasses();
  StopForwarding();
}

TEST_F(TcFlowTest, RewritesTagsAndCounts) {
  ASSERT_NO_FATAL_FAILURE(
      StartAtTc({.device_arguments = kAtTc, .options = {"--forward-mode=rxonly", "-i"}}, {.ipv6 = false, .static_neighbours = true}));
  Type(
      "flow create 0 ingress pattern eth / vlan vid is 5 / ipv4 / udp dst is 53 / end actions count / of_pop_vlan / set_mac_dst mac_addr "
      "02:11:22:33:44:55 / set_ipv4_dst ipv4_addr 10.1.2.3 / set_tp_dst port 5353 / set_ttl ttl_value 9 / of_push_vlan ethertype 0x8100 / "
      "of_set_vlan_vid vlan_vid 7 / of_push_vlan ethertype 0x88a8 / of_set_vlan_vid vlan_vid 8 / port_id id 1 / end");
  auto ethernet = Between(0, 1);
  const auto sent = PacketBuilder().Ethernet(ethernet).Vlan(5).Ipv4().Udp({.destination = 53}).Payload(30).Build();
  ethernet.destination = "02:11:22:33:44:55";
  ExpectArrival(0, 1, sent,
                PacketBuilder()
                    .Ethernet(ethernet)
                    .Vlan(8, {.tag_protocol = 0x88a8})
                    .Vlan(7)
                    .Ipv4({.destination = "10.1.2.3", .time_to_live = 9})
                    .Udp({.destination = 5353})
                    .Payload(30)
                    .Build());
  Type("flow query 0 0 count", absl::StrCat("hits: 1\n bytes: ", sent.size()));
  StopForwarding();
}

TEST_F(TcTest, AClientIsMadeAgain) {
  ASSERT_NO_FATAL_FAILURE(StartAtTc({.device_arguments = kAtTc, .options = {"--forward-mode=io", "--on-replace=reopen"}}));
  Ping(0, VethRig::ClientIpv4(1));
  ForgetSwitchState();
  ASSERT_OK(rig().DeletePort(1));
  ASSERT_OK(testpmd().process().WaitForText("Port 1 (p1): the interface is gone"));
  ASSERT_OK(rig().MakePort(1));
  EXPECT_TRUE(support::Eventually(
      [this] {
        const auto ping = support::RunCommand({"ping", "-n", "-c", "1", "-W", "1", VethRig::ClientIpv4(1)}, &rig().client(0));
        return ping.ok() && ping->exit_code == 0;
      },
      std::chrono::seconds(30)))
      << Transcript();
  ExpectHttp(1, VethRig::ClientIpv4(1));
  StopForwarding();
  EXPECT_FALSE(HasCompanion());
}

TEST_F(TcTest, ChoosesByItselfAndSaysWhy) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ShareThePorts();
  ASSERT_OK(support::RunSuccessfully({"ethtool", "-K", VethRig::PortInterface(1), "tso", "off"}, &rig().switch_namespace()));
  ForgetSwitchState();
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.device_arguments = "attach=auto"}));
  const std::string report = testpmd().process().Output();
  EXPECT_NE(report.find("a veth whose far end is a network stack"), std::string::npos) << report;
  EXPECT_NE(report.find("its far end takes no segments that are joined"), std::string::npos) << report;
  PingBothWays();
  StopForwarding();
}

TEST_F(TcTest, MistakesAreNamed) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  const auto refused = [this](const std::string& device) {
    const CommandLine command{.devices = {device}};
    auto testpmd = TestpmdProcess::Start(rig().switch_namespace(), command.Words());
    EXPECT_TRUE(testpmd.ok()) << testpmd.status();
    EXPECT_NE((*testpmd)->process().Wait().value(), 0) << device;
    return (*testpmd)->process().Transcript();
  };
  EXPECT_NE(refused("net_af_xdp0,iface=p0,attach=somewhere").find("attach"), std::string::npos);
  EXPECT_NE(refused("net_af_xdp0,iface=p0,attach=tc,steer=udp").find("attach=tc and steer= exclude each other"), std::string::npos);
  EXPECT_NE(refused("net_af_xdp0,iface=lo,attach=tc").find("attach=tc needs an interface whose other end is somebody else"),
            std::string::npos);
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.device_arguments = kAtTc}));
  EXPECT_NE(refused("net_af_xdp0,iface=p0,attach=tc").find("a port with attach=tc has it already"), std::string::npos);
  EXPECT_NE(refused("net_af_xdp0,iface=p0").find("an XDP program would take its packets before TC sees them"), std::string::npos);
  PingBothWays();
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
