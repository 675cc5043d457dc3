// SPDX-License-Identifier: Apache-2.0
// A DPDK AF_XDP command line, word for word.
#include "tests/system/forwarding_test.h"
#include "tests/system/http_download.h"

namespace pollux::system_tests {
namespace {

using DpdkCommandLineTest = ForwardingTest;

TEST_F(DpdkCommandLineTest, ForwardsUnmodified) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  ASSERT_NO_FATAL_FAILURE(
      StartWords({"-l", "0,1", "--no-huge", "-m", "512", "--no-pci", "--vdev",
                  "net_af_xdp0,iface=p0,start_queue=0,queue_count=1,busy_budget=0", "--vdev", "net_af_xdp1,iface=p1", "--",
                  "--forward-mode=io", "--auto-start", "--total-num-mbufs=32768", "--nb-cores=1", "--stats-period", "1"}));
  PingBothWays();
  const absl::Status fetched = HttpDownload().Fetch(rig().client(1), VethRig::ClientIpv4(1), rig().client(0));
  EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  ASSERT_OK(testpmd().process().WaitForText("NIC statistics for port 1"));
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
