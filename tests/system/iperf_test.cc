// SPDX-License-Identifier: Apache-2.0
// iperf3: TCP as fast as it goes, UDP at a rate; every frame that went in came out or is named as a drop.
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

using nlohmann::json;

class IperfTest : public ForwardingTest {
 protected:
  // Runs a client against a server at client 1 and leaves the "end" object of its report in `end_`.
  void Iperf(const Arguments& options, std::size_t from = 0, std::size_t to = 1) {
    const auto server = ChildProcess::Start({"iperf3", "--server", "--one-off", "--forceflush"}, &rig().client(to));
    ASSERT_OK(server);
    ASSERT_OK((*server)->WaitForText("Server listening"));
    Arguments command = {"iperf3", "--json", "--time", "2", "--client", VethRig::ClientIpv4(to)};
    command.insert(command.end(), options.begin(), options.end());
    const auto report = support::RunSuccessfully(command, &rig().client(from), std::chrono::seconds(30));
    ASSERT_TRUE(report.ok()) << report.status() << Transcript();
    end_ = json::parse(*report).at("end");
  }

  // TCP may send once more after iperf3 has ended: without an address it has no route.
  void SilenceClients() {
    for (std::size_t client = 0; client < 2; ++client) {
      ASSERT_OK(support::RunSuccessfully({"ip", "address", "flush", "dev", VethRig::ClientInterface(client)}, &rig().client(client)));
    }
  }

  // The clients' kernels saw on the wire what testpmd says; only backlogs of the clients may lose more, and they count it.
  void ExpectFramesAccountedFor() {
    for (std::size_t port = 0; port < 2; ++port) {
      const auto client = rig().ClientCounters(port);
      ASSERT_OK(client);
      const support::PortTotals& totals = account().ports[port];
      EXPECT_EQ(client->tx_packets, totals.received + totals.lost_before) << Transcript();
      EXPECT_EQ(client->rx_packets + client->rx_dropped, totals.sent) << Transcript();
    }
  }

  json end_;
};

TEST_F(IperfTest, TcpBothWays) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false, .static_neighbours = true}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io", "--no-flush-rx"}}));
  for (const Arguments& direction : {Arguments{}, Arguments{"--reverse"}}) {
    ASSERT_NO_FATAL_FAILURE(Iperf(direction));
    EXPECT_GT(end_["sum_received"]["bytes"].get<double>(), 1e6) << end_.dump(2);
  }
  ASSERT_NO_FATAL_FAILURE(SilenceClients());
  StopForwarding();
  ExpectFramesAccountedFor();
}

TEST_F(IperfTest, UdpAtTwentyMegabitsASecond) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.ipv6 = false, .static_neighbours = true}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.options = {"--forward-mode=io", "--no-flush-rx"}}));
  ASSERT_NO_FATAL_FAILURE(Iperf({"--udp", "--bitrate", "20M", "--length", "1400"}));
  ASSERT_NO_FATAL_FAILURE(SilenceClients());
  StopForwarding();
  ExpectFramesAccountedFor();
  EXPECT_GT(end_["sum"]["packets"].get<int>(), 1000) << end_.dump(2);
  const uint64_t drops = account().total.lost_before + account().total.dropped + account().total.tx_dropped;
  EXPECT_LE(end_["sum"]["lost_packets"].get<uint64_t>(), drops) << end_.dump(2) << Transcript();
}

}  // namespace
}  // namespace pollux::system_tests
