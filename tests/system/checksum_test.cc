// SPDX-License-Identifier: Apache-2.0
// Clients whose kernels leave checksums to their interface, as a veth's default is: no command is run in them.
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <nlohmann/json.hpp>

#include "tests/pmd/af_xdp/unfinished_checksum.h"
#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

constexpr std::chrono::seconds kPatience(30);

class ChecksumTest : public ForwardingTest {
 protected:
  // Bytes of TCP, or datagrams of UDP, that iperf3's server at client 1 has received on `address`.
  double Transfer(const std::string& address, const Arguments& options = {}) {
    const auto server = ChildProcess::Start({"iperf3", "--server", "--one-off", "--forceflush"}, &rig().client(1));
    if (!server.ok() || !(*server)->WaitForText("Server listening").ok()) return -1;
    Arguments command = {"iperf3", "--json", "--time", "1", "--client", address};
    command.insert(command.end(), options.begin(), options.end());
    const auto report = support::RunSuccessfully(command, &rig().client(0), kPatience);
    EXPECT_TRUE(report.ok()) << report.status() << Transcript();
    if (!report.ok()) return -1;
    const nlohmann::json end = nlohmann::json::parse(*report).at("end");
    if (!end.contains("sum_received")) return end["sum"]["packets"].get<double>() - end["sum"]["lost_packets"].get<double>();
    return end["sum_received"]["bytes"].get<double>();
  }

  void ExpectTcpAndUdp(const std::string& address) {
    EXPECT_GT(Transfer(address), 1e5) << address;
    EXPECT_GT(Transfer(address, {"--udp", "--bitrate", "2M", "--length", "1000"}), 100) << address;
  }

  // An Ethernet tunnel between the clients, with 10.78.0.<i+1> at its ends.
  absl::Status AddTunnel(const Arguments& type) {
    for (std::size_t client = 0; client < 2; ++client) {
      Arguments command = {"ip", "link", "add", "tunnel", "type"};
      command.insert(command.end(), type.begin(), type.end());
      for (const std::string& word : {std::string("remote"), VethRig::ClientIpv4(1 - client)}) command.push_back(word);
      absl::Status status = support::RunSuccessfully(command, &rig().client(client)).status();
      if (!status.ok()) return status;
      for (const Arguments& more : {Arguments{"ip", "address", "add", absl::StrCat("10.78.0.", client + 1, "/24"), "dev", "tunnel"},
                                    Arguments{"ip", "link", "set", "tunnel", "mtu", "1400", "up"}}) {
        status = support::RunSuccessfully(more, &rig().client(client)).status();
        if (!status.ok()) return status;
      }
    }
    return absl::OkStatus();
  }

  FrameSocket::Frame Finished() { return PacketBuilder().Ethernet(Between(0, 1)).Ipv4().Udp().Payload(100).Build(); }
};

TEST_F(ChecksumTest, TcpAndUdpOverIpv4AndIpv6) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ExpectTcpAndUdp(VethRig::ClientIpv4(1));
  ExpectTcpAndUdp(VethRig::ClientIpv6(1));
  StopForwarding();
}

TEST_F(ChecksumTest, TcpAndUdpThroughAGenericProgram) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.segments = false}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.device_arguments = "mode=skb"}));
  ExpectTcpAndUdp(VethRig::ClientIpv4(1));
  StopForwarding();
}

class TunnelTest : public ChecksumTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, TunnelTest,
                         testing::Values("vxlan id 42 dstport 4789", "vxlan id 42 dstport 8472 udpcsum", "geneve id 42", "ipip"));

TEST_P(TunnelTest, TcpAndUdp) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false}));
  if (const absl::Status status = AddTunnel(absl::StrSplit(GetParam(), ' ')); !status.ok()) GTEST_SKIP() << status;
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ExpectTcpAndUdp("10.78.0.2");
  StopForwarding();
}

TEST_F(ChecksumTest, AFrameArrivesFinishedAndIsCounted) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false, .static_neighbours = true}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io", "-i", "--auto-start"}}));
  ExpectArrival(0, 1, support::Unfinished(Finished(), 14, 34, 17), Finished());
  ExpectArrival(0, 1, Finished(), Finished());
  ASSERT_OK(testpmd().process().Write("show port xstats 0\n"));
  ASSERT_OK(testpmd().process().WaitForText("rx_q0_checksums_completed: 1\n"));
  StopForwarding();
}

// What came unfinished goes on unfinished, as one interface of the kernel's hands it to the next.
TEST_F(ChecksumTest, ModeCsumLeavesThemToTheDeviceIfTold) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.device_arguments = "tx_metadata=checksum",
                                           .options = {"--forward-mode=csum", "-i", "--auto-start", "--eth-peer=0," + VethRig::ClientMac(0),
                                                       "--eth-peer=1," + VethRig::ClientMac(1)}}));
  ASSERT_OK(testpmd().process().Write("stop\ncsum set udp hw all\ncsum set tcp hw all\ncsum show 1\nstart\n"));
  ASSERT_OK(testpmd().process().WaitForText("Port 1: UDP, TCP checksum: hw"));
  ExpectTcpAndUdp(VethRig::ClientIpv4(1));
  ASSERT_OK(testpmd().process().Write("show port xstats 1\nshow fwd stats all\n"));
  ASSERT_OK(testpmd().process().WaitForText("tx_q0_with_metadata: "));
  StopForwarding();
  EXPECT_EQ(Transcript().find("tx_q0_with_metadata: 0\n"), std::string::npos) << Transcript();
}

TEST_F(ChecksumTest, KeptIfAskedFor) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false, .static_neighbours = true}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.device_arguments = "rx_checksum=keep"}));
  const FrameSocket::Frame unfinished = support::Unfinished(Finished(), 14, 34, 17);
  ExpectArrival(0, 1, unfinished, unfinished);
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
