// SPDX-License-Identifier: Apache-2.0
// Generic XDP, for drivers that have no XDP of their own.
#include "tests/system/forwarding_test.h"
#include "tests/system/http_download.h"

namespace pollux::system_tests {
namespace {

using GenericModeTest = ForwardingTest;

TEST_F(GenericModeTest, CarriesPingAndHttp) {
  // A generic program does not keep the kernel from sending it TCP in pieces larger than the MTU, as a native one does.
  ASSERT_NO_FATAL_FAILURE(BuildRig({.segments = false}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.device_arguments = "mode=skb"}));
  const auto links = support::RunSuccessfully({"ip", "link"}, &rig().switch_namespace());
  ASSERT_OK(links);
  EXPECT_NE(links->find("xdpgeneric"), std::string::npos) << *links;
  PingBothWays();
  const absl::Status fetched = HttpDownload().Fetch(rig().client(1), VethRig::ClientIpv4(1), rig().client(0));
  EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
