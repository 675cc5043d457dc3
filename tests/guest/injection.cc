// SPDX-License-Identifier: Apache-2.0
// Injection through virtio-net in copy mode: from port0, to the kernel behind port1. Runs with injection_devices_test, on several kernels.
#include <unistd.h>

#include "tests/pmd/af_xdp/injection_devices.h"

namespace pollux::pmd::af_xdp {
namespace {

TEST_F(InjectionDevices, VirtioNetInCopyMode) {
  for (const char* port : {"port0", "port1"}) {
    // It is where the guest's first process is.
    const auto moved = support::RunSuccessfully({"nsenter", "-t", "1", "-n", "ip", "link", "set", port, "netns", std::to_string(getpid())});
    ASSERT_TRUE(moved.ok()) << moved.status();
    Up(port, kLongestMtu);
  }
  CheckBetween("port0", "port1", kLongestMtu);
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
