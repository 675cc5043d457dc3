// SPDX-License-Identifier: Apache-2.0
// `flow` at testpmd's prompt and in a file of commands: ping, HTTP over TCP, and rewritten packets go through the kernel, while testpmd
// itself forwards nothing (rxonly).
#include <chrono>
#include <fstream>
#include <thread>

#include "tests/support/scratch_folder.h"
#include "tests/system/forwarding_test.h"
#include "tests/system/http_download.h"
#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

class FlowTest : public ForwardingTest {
 protected:
  // The clients take packets from XDP programs, and with `finish` finish the checksums of what they send.
  void BuildFlowRig(bool finish) {
    ASSERT_NO_FATAL_FAILURE(BuildRig());
    ShareThePorts();
    for (std::size_t client : {0, 1}) {
      const std::string interface = VethRig::ClientInterface(client);
      ASSERT_OK(support::RunSuccessfully({"ethtool", "-K", interface, "gro", "on"}, &rig().client(client)));
      if (finish) ASSERT_OK(support::RunSuccessfully({"ethtool", "-K", interface, "tx", "off"}, &rig().client(client)));
    }
  }
  void StartInteractive(const std::string& mode = "rxonly", const Arguments& more = {}) {
    CommandLine command = {.options = {"--forward-mode=" + mode, "-i", "--auto-start"}};
    command.options.insert(command.options.end(), more.begin(), more.end());
    ASSERT_NO_FATAL_FAILURE(StartForwarding(command));
  }
  // The answer to this line is waited for, which an earlier one may have had too.
  void Type(const std::string& line, const std::string& answer) {
    const std::size_t before = testpmd().process().Output().size();
    ASSERT_OK(testpmd().process().Write(line + "\n"));
    const auto end = std::chrono::steady_clock::now() + support::Patience(support::kDefaultDeadline);
    while (testpmd().process().Output().find(answer, before) == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << line << ": no answer '" << answer << "'\n" << Transcript();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  bool Pings(std::size_t from, const std::string& address) {
    const auto ping = support::RunCommand({"ping", "-n", "-c", "2", "-i", "0.1", "-W", "1", address}, &rig().client(from));
    return ping.ok() && ping->exit_code == 0;
  }
};

constexpr char kRight[] = "flow create 0 ingress pattern eth / end actions count / port_id id 1 / end";
constexpr char kLeft[] = "flow create 1 transfer pattern eth / end actions represented_port ethdev_port_id 0 / end";

TEST_F(FlowTest, PingAndHttpThroughRulesOfAFile) {
  support::ScratchFolder folder;
  const std::string file = folder.File("rules");
  std::ofstream(file) << "# both ways\n" << kRight << "\n" << kLeft << "\n";
  ASSERT_NO_FATAL_FAILURE(BuildFlowRig(/*finish=*/true));
  ASSERT_NO_FATAL_FAILURE(StartInteractive("rxonly", {"--cmdline-file=" + file}));
  PingBothWays();
  const absl::Status fetched = HttpDownload().Fetch(rig().client(1), VethRig::ClientIpv4(1), rig().client(0));
  EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  const absl::Status fetched6 = HttpDownload().Fetch(rig().client(0), VethRig::ClientIpv6(0), rig().client(1));
  EXPECT_TRUE(fetched6.ok()) << fetched6 << Transcript();
  Type("flow list 0", "0\t0\t0\ti--\tETH => COUNT PORT_ID");
  Type("show flow stats", "flow_hits");
  StopForwarding();
}

TEST_F(FlowTest, RulesComeAndGo) {
  ASSERT_NO_FATAL_FAILURE(BuildFlowRig(/*finish=*/true));
  ASSERT_NO_FATAL_FAILURE(StartInteractive());
  EXPECT_FALSE(Pings(0, VethRig::ClientIpv4(1)));
  Type("flow validate 0 ingress pattern eth / ipv4 / end actions drop / end", "Flow rule validated");
  EXPECT_FALSE(Pings(0, VethRig::ClientIpv4(1)));
  Type(kRight, "Flow rule #0 created");
  Type(kLeft, "Flow rule #0 created");
  // The pings that got nowhere have left a neighbour that is taken for unreachable, for a while.
  EXPECT_TRUE(support::Eventually([this] { return Pings(0, VethRig::ClientIpv4(1)); }));
  Ping(0, VethRig::ClientIpv4(1), 10);
  Type("flow create 0 priority 0 ingress pattern eth / ipv4 / icmp type is 8 / end actions drop / end", "Flow rule #1 created");
  Type("flow destroy 0 rule 0", "Flow rule #0 destroyed");
  Type("flow query 0 0 count", "Flow rule #0 not found");
  Type("flow query 0 1 count", "Flow rule #1 has no action count");
  EXPECT_FALSE(Pings(0, VethRig::ClientIpv4(1)));
  Type("flow create 0 priority 1 ingress pattern eth / end actions count / port_id id 1 / end", "Flow rule #2 created");
  EXPECT_FALSE(Pings(0, VethRig::ClientIpv4(1))) << "echo requests are dropped";
  EXPECT_TRUE(support::Eventually([this] { return Pings(0, VethRig::ClientIpv6(1)); })) << "and nothing else is";
  Type("flow flush 0\nshow flow stats", "Flows: 1 of");
  Type("flow create 0 ingress pattern eth / end actions drop / end", "Flow rule #0 created");
  EXPECT_FALSE(Pings(0, VethRig::ClientIpv6(1)));
  StopForwarding();
}

TEST_F(FlowTest, CountersAreWhatWasSent) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false, .static_neighbours = true}));
  ShareThePorts();
  for (std::size_t client : {0, 1})
    ASSERT_OK(support::RunSuccessfully({"ethtool", "-K", VethRig::ClientInterface(client), "gro", "on"}, &rig().client(client)));
  ASSERT_NO_FATAL_FAILURE(StartInteractive());
  Type("flow create 0 ingress pattern eth / ipv4 src spec 10.77.0.0 src prefix 24 / icmp / end actions count / port_id id 1 / end",
       "Flow rule #0 created");
  Type(kLeft, "Flow rule #0 created");
  Ping(0, VethRig::ClientIpv4(1), 100, {"-i", "0.002"});
  Type("flow query 0 0 count", "hits: 100\n bytes: 9800");
  StopForwarding();
}

TEST_F(FlowTest, RewritesPackets) {
  ASSERT_NO_FATAL_FAILURE(BuildFlowRig(/*finish=*/true));
  ASSERT_NO_FATAL_FAILURE(StartInteractive());
  Type(
      "flow create 0 ingress pattern eth / ipv4 / udp dst is 53 / end actions set_mac_dst mac_addr 02:11:22:33:44:55 / set_ipv4_dst "
      "ipv4_addr 10.1.2.3 / "
      "set_tp_dst port 5353 / set_ttl ttl_value 9 / set_ipv4_dscp dscp_value 10 / of_push_vlan ethertype 0x8100 / of_set_vlan_vid vlan_vid "
      "7 / of_set_vlan_pcp "
      "vlan_pcp 3 / port_id id 1 / end",
      "Flow rule #0 created");
  auto ethernet = Between(0, 1);
  const auto sent = PacketBuilder().Ethernet(ethernet).Ipv4().Udp({.destination = 53}).Payload(30).Build();
  ethernet.destination = "02:11:22:33:44:55";
  ExpectArrival(0, 1, sent,
                PacketBuilder()
                    .Ethernet(ethernet)
                    .Vlan(7, {.priority = 3})
                    .Ipv4({.destination = "10.1.2.3", .type_of_service = 40, .time_to_live = 9})
                    .Udp({.destination = 5353})
                    .Payload(30)
                    .Build());
  StopForwarding();
}

// A container as it is by default: its checksums are unfinished, and go by way of testpmd, which forwards too.
TEST_F(FlowTest, WhatTheProgramCannotFinishGoesThroughTestpmd) {
  ASSERT_NO_FATAL_FAILURE(BuildFlowRig(/*finish=*/false));
  ASSERT_NO_FATAL_FAILURE(StartInteractive("io"));
  Type(kRight, "Flow rule #0 created");
  Type(kLeft, "Flow rule #0 created");
  PingBothWays();
  const absl::Status fetched = HttpDownload().Fetch(rig().client(1), VethRig::ClientIpv4(1), rig().client(0));
  EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  StopForwarding();
}

TEST_F(FlowTest, MistakesAreNamed) {
  ASSERT_NO_FATAL_FAILURE(StartInteractive());
  Type("flow create 0 ingress pattern eth / end actions port_id id 7 / end", "Invalid port 7");
  Type("flow create 0 ingress pattern gre / end actions drop / end", "'gre': eth, vlan, ipv4");
  Type("flow create 0 ingress pattern eth / udp / end actions drop / end", "'udp': this item wants ipv4 or ipv6 before it");
  Type("flow create 0 ingress pattern eth / end actions of_pop_vlan / port_id id 1 / end", "pop of VLAN tag 1");
  Type("flow create 0 ingress pattern eth / ipv4 / udp src last 9 / end actions drop / end", "a range of udp src");
  Type("flow create 0 group 1 ingress pattern eth / end actions drop / end", "group 1: there is group 0 only");
  Type("flow create 0 ingress pattern eth / end actions queue index 1 / end", "action queue 1");
  Type("flow list 0", "ID\tGroup\tPrio\tAttr\tRule");
  Type("help flows", "Packets and bytes of a rule that has the action count.");
  StopForwarding();
}

// --offload=auto: the forward mode itself as flows.
class OffloadTest : public FlowTest {
 protected:
  void Start(const std::string& mode, const Arguments& more = {}) {
    ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false, .static_neighbours = true}));
    ShareThePorts();
    for (std::size_t client : {0, 1})
      ASSERT_OK(support::RunSuccessfully({"ethtool", "-K", VethRig::ClientInterface(client), "gro", "on"}, &rig().client(client)));
    Arguments options = {"--offload=auto"};
    options.insert(options.end(), more.begin(), more.end());
    ASSERT_NO_FATAL_FAILURE(StartInteractive(mode, options));
    ASSERT_OK(testpmd().process().WaitForText("Offload: port 1 -> port 0: "));
  }
};

constexpr char kRightByTheKernel[] = "Offload: port 0 -> port 1: by the kernel";

TEST_F(OffloadTest, IoIsForwardedByTheKernelUntilItIsStopped) {
  ASSERT_NO_FATAL_FAILURE(Start("io"));
  EXPECT_NE(Transcript().find(kRightByTheKernel), std::string::npos) << Transcript();
  Ping(0, VethRig::ClientIpv4(1), 100, {"-i", "0.002"});
  Type("show fwd stats all", "Offload: port 0 -> port 1: packets 100, bytes 9800 by the kernel");
  Type("stop", "Offload: port 1 -> port 0: packets 100, bytes 9800 by the kernel");
  EXPECT_FALSE(Pings(0, VethRig::ClientIpv4(1)));
  Type("start", kRightByTheKernel);
  Ping(0, VethRig::ClientIpv4(1), 10);
  Type("show fwd stats all", "Offload: port 0 -> port 1: packets");
  StopForwarding();
}

TEST_F(OffloadTest, MacswapExchangesAddresses) {
  ASSERT_NO_FATAL_FAILURE(Start("macswap"));
  const auto sent = Between(0, 1);
  ExpectArrival(0, 1, PacketBuilder().Ethernet(sent).Ipv4().Udp().Payload(30).Build(),
                PacketBuilder().Ethernet({.source = sent.destination, .destination = sent.source}).Ipv4().Udp().Payload(30).Build());
  Type("show fwd stats all", "Offload: port 0 -> port 1: packets 1, bytes 72 by the kernel");
  StopForwarding();
}

TEST_F(OffloadTest, MacWritesTheAddressThatThePortHasByThen) {
  ASSERT_NO_FATAL_FAILURE(Start("mac", {"--eth-peer=1,02:00:00:00:01:01"}));
  const auto frame = PacketBuilder().Ethernet(Between(0, 1)).Ipv4().Udp().Payload(30).Build();
  const auto expected = [](const std::string& source) {
    return PacketBuilder().Ethernet({.source = source, .destination = "02:00:00:00:01:01"}).Ipv4().Udp().Payload(30).Build();
  };
  ExpectArrival(0, 1, frame, expected(VethRig::PortMac(1)));
  Type("mac_addr set 1 02:00:00:00:09:09\nshow port info 1", "MAC address: 02:00:00:00:09:09");
  ExpectArrival(0, 1, frame, expected("02:00:00:00:09:09"));
  Type("show fwd stats all", "Offload: port 0 -> port 1: packets 2, bytes 144 by the kernel");
  StopForwarding();
}

TEST_F(OffloadTest, WhatCannotBeAFlowSaysWhyAndIsForwarded) {
  ASSERT_NO_FATAL_FAILURE(Start("5tswap"));
  EXPECT_NE(Transcript().find("Offload: port 0 -> port 1: not: mode 5tswap is no flow; io, mac and macswap are"), std::string::npos)
      << Transcript();
  Type("show fwd stats all", "RX-packets");
  StopForwarding();
}

TEST_F(FlowTest, NothingIsLeftOfAKilledProcess) {
  ASSERT_NO_FATAL_FAILURE(BuildFlowRig(/*finish=*/true));
  ASSERT_NO_FATAL_FAILURE(StartInteractive());
  Type(kRight, "Flow rule #0 created");
  Type(kLeft, "Flow rule #0 created");
  Ping(0, VethRig::ClientIpv4(1));
  ASSERT_OK(testpmd().process().Signal(SIGKILL));
  ASSERT_OK(testpmd().process().Wait());
  ExpectSwitchRestored();
  EXPECT_FALSE(Pings(0, VethRig::ClientIpv4(1)));
}

}  // namespace
}  // namespace pollux::system_tests
