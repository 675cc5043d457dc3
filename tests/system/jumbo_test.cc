// SPDX-License-Identifier: Apache-2.0
// MTU 9000: packets of several frames, through the forward modes.
#include <algorithm>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "tests/system/forwarding_test.h"
#include "tests/system/http_download.h"

namespace pollux::system_tests {
namespace {

class JumboTest : public ForwardingTest {
 protected:
  void Start(const std::string& mode, const Arguments& more = {}) {
    // While it asks for a neighbour the sender keeps few packets of this size, and drops the oldest: where an answer takes long, echoes.
    ASSERT_NO_FATAL_FAILURE(BuildRig({.mtu = 9000, .ipv6 = false, .static_neighbours = true}));
    Arguments options = {"--forward-mode=" + mode, "--mbuf-size=2048", "--no-flush-rx"};
    options.insert(options.end(), more.begin(), more.end());
    ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = options}));
  }
  // Not split by the sender, and as long as the MTU allows.
  void PingLong() {
    Ping(0, VethRig::ClientIpv4(1), 3, {"-s", "8000", "-M", "do"});
    Ping(1, VethRig::ClientIpv4(0), 3, {"-s", "8972", "-M", "do"});
  }
};

TEST_F(JumboTest, PingAndHttp) {
  ASSERT_NO_FATAL_FAILURE(Start("io"));
  PingLong();
  const absl::Status fetched = HttpDownload().Fetch(rig().client(1), VethRig::ClientIpv4(1), rig().client(0));
  EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  StopForwarding();
  EXPECT_NE(Transcript().find("up to 18 frames a packet"), std::string::npos) << Transcript();
}

TEST_F(JumboTest, TcpFillsThePackets) {
  ASSERT_NO_FATAL_FAILURE(Start("io"));
  const auto server = ChildProcess::Start({"iperf3", "--server", "--one-off", "--forceflush"}, &rig().client(1));
  ASSERT_OK(server);
  ASSERT_OK((*server)->WaitForText("Server listening"));
  const auto report = support::RunSuccessfully({"iperf3", "--json", "--time", "1", "--client", VethRig::ClientIpv4(1)}, &rig().client(0),
                                               std::chrono::seconds(60));
  ASSERT_TRUE(report.ok()) << report.status() << Transcript();
  const auto end = nlohmann::json::parse(*report).at("end");
  EXPECT_GT(end["sum_received"]["bytes"].get<double>(), 1e6) << end.dump(2);
  StopForwarding();
}

// Modes that write headers find them in the first frame, and take the others along.
TEST_F(JumboTest, ModesThatRewrite) {
  ASSERT_NO_FATAL_FAILURE(Start("mac", {"--eth-peer=0," + VethRig::ClientMac(0), "--eth-peer=1," + VethRig::ClientMac(1)}));
  PingLong();
  StopForwarding();
}

TEST_F(JumboTest, ChecksumsOfTheHeadersAreLookedAt) {
  ASSERT_NO_FATAL_FAILURE(Start("csum", {"--eth-peer=0," + VethRig::ClientMac(0), "--eth-peer=1," + VethRig::ClientMac(1)}));
  PingLong();
  StopForwarding();
}

// As DPDK's testpmd takes them: the sum is a packet's length, in as many frames as hold it.
TEST_F(JumboTest, GeneratedPacketsAreAsLongAsTheirParts) {
  ASSERT_NO_FATAL_FAILURE(Start("txonly", {"--txpkts=1500,1500,6000"}));
  const auto frame = Socket(0).Receive(
      [](const FrameSocket::Frame& each) { return each.size() > 34 && each[12] == std::byte{8} && each[23] == std::byte{17}; },
      std::chrono::seconds(20));
  ASSERT_OK(frame);
  EXPECT_EQ(frame->size(), 9000u);
  EXPECT_EQ(std::to_integer<int>((*frame)[16]) << 8 | std::to_integer<int>((*frame)[17]), 9000 - 14);
  EXPECT_TRUE(std::all_of(frame->begin() + 42, frame->end(), [](std::byte each) { return each == std::byte{0}; }));
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
