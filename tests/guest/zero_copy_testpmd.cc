// SPDX-License-Identifier: Apache-2.0
// testpmd forwards between two zero-copy ports; the kernels behind them, in namespaces of their own, ping each other.
#include <net/if.h>

#include <gtest/gtest.h>

#include "tests/guest/chain.h"
#include "tests/support/testpmd_process.h"
#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"
#include "tools/support/patience.h"

namespace pollux::guest {
namespace {

using support::NetworkNamespace;
using support::TestpmdProcess;

class ZeroCopyTestpmd : public testing::Test {
 protected:
  // The ends of the wires: the clients'; the others stay with testpmd, in a namespace as well.
  void SetUp() override {
    left_ = Namespace("left", {"port0"});
    right_ = Namespace("right", {"port3"});
    switch_ = Namespace("switch", {"port1", "port2"});
    Inside(*left_, {"ip", "addr", "add", "10.9.0.1/24", "dev", "port0"});
    Inside(*right_, {"ip", "addr", "add", "10.9.0.2/24", "dev", "port3"});
  }

  static std::unique_ptr<NetworkNamespace> Namespace(const std::string& label, const std::vector<std::string>& ports) {
    auto network = NetworkNamespace::Create(label);
    if (!network.ok()) throw std::runtime_error(network.status().ToString());
    for (const std::string& port : ports) {
      // A real interface comes back from the last test's namespace once the kernel has taken that apart, after its name is gone.
      EXPECT_TRUE(support::Eventually([&port] { return if_nametoindex(port.c_str()) != 0; })) << port << " did not come back";
      RunTool({"ip", "link", "set", port, "netns", (*network)->name()});
      Inside(**network, {"ip", "link", "set", port, "promisc", "on", "up"});
    }
    return *std::move(network);
  }
  static void Inside(const NetworkNamespace& network, const std::vector<std::string>& command) {
    const auto output = support::RunSuccessfully(command, &network);
    EXPECT_TRUE(output.ok()) << output.status();
  }
  std::unique_ptr<TestpmdProcess> Start(const std::vector<std::string>& devices, const std::vector<std::string>& options = {}) {
    std::vector<std::string> words = {"-l", "0,1"};
    for (const std::string& device : devices) words.insert(words.end(), {"--vdev", device});
    // What a kernel says of itself before the start is forwarded as well.
    words.insert(words.end(), {"--", "--auto-start", "--forward-mode=io", "--total-num-mbufs=16384", "--no-flush-rx"});
    words.insert(words.end(), options.begin(), options.end());
    auto testpmd = TestpmdProcess::Start(*switch_, words);
    if (!testpmd.ok()) throw std::runtime_error(testpmd.status().ToString());
    return *std::move(testpmd);
  }

  std::unique_ptr<NetworkNamespace> left_, right_, switch_;
};

TEST_F(ZeroCopyTestpmd, PingsGetThroughAndZeroCopyIsThere) {
  auto testpmd = Start({"net_af_xdp0,iface=port1", "net_af_xdp1,iface=port2"}, {"--require=zerocopy"});
  const absl::Status forwarding = testpmd->WaitUntilForwarding();
  ASSERT_TRUE(forwarding.ok()) << forwarding;
  const auto pinged = support::RunCommand({"ping", "-c", "5", "-W", "5", "10.9.0.2"}, left_.get());
  ASSERT_TRUE(pinged.ok()) << pinged.status();
  EXPECT_EQ(pinged->exit_code, 0) << pinged->output << testpmd->process().Transcript();
  const auto account = testpmd->Stop();
  ASSERT_TRUE(account.ok()) << account.status();
  EXPECT_EQ(account->exit_code, 0) << testpmd->process().Transcript();
  EXPECT_EQ(account->unbalanced_pools, 0u);
  EXPECT_GE(account->total.received, 10u);
  EXPECT_EQ(account->total.received, account->total.sent) << testpmd->process().Transcript();
}

TEST_F(ZeroCopyTestpmd, RequireZeroCopyFailsOnAVeth) {
  Inside(*switch_, {"ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"});
  for (const char* name : {"v0", "v1"}) Inside(*switch_, {"ip", "link", "set", name, "up"});
  auto testpmd = Start({"net_af_xdp0,iface=port1", "net_af_xdp1,iface=v0"}, {"--require=zerocopy"});
  const auto exit_code = testpmd->process().Wait();
  ASSERT_TRUE(exit_code.ok()) << exit_code.status();
  EXPECT_NE(*exit_code, 0);
  const std::string said = testpmd->process().Output() + testpmd->process().Errors();
  EXPECT_NE(said.find("zerocopy is missing on queue 0: asked auto, got copy"), std::string::npos) << said;
}

}  // namespace
}  // namespace pollux::guest
