// SPDX-License-Identifier: Apache-2.0
// A file fetched over HTTP is the file that is served.
#include "tests/system/forwarding_test.h"
#include "tests/system/http_download.h"

namespace pollux::system_tests {
namespace {

using HttpTest = ForwardingTest;

TEST_F(HttpTest, AFileArrivesUnchangedOverIpv4) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  const absl::Status fetched = HttpDownload().Fetch(rig().client(1), VethRig::ClientIpv4(1), rig().client(0));
  EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  StopForwarding();
}

TEST_F(HttpTest, AFileArrivesUnchangedOverIpv6) {
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  const absl::Status fetched = HttpDownload().Fetch(rig().client(0), VethRig::ClientIpv6(0), rig().client(1));
  EXPECT_TRUE(fetched.ok()) << fetched << Transcript();
  StopForwarding();
}

}  // namespace
}  // namespace pollux::system_tests
