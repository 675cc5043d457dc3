// SPDX-License-Identifier: Apache-2.0
// Injection through every kind of device that takes XDP frames and that a machine without hardware has.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "bpf/unique_fd.h"
#include "tests/pmd/af_xdp/injection_devices.h"

namespace pollux::pmd::af_xdp {
namespace {

TEST_F(InjectionDevices, Veth) {
  AddPair("v0", "v1");
  CheckBetween("v0", "v1", kLongestMtu);
}

TEST_F(InjectionDevices, APortOfABridge) {
  AddPair("v0", "v1");
  AddPair("w0", "w1");
  Run({"ip", "link", "add", "br0", "type", "bridge"});
  for (const char* port : {"v1", "w1"}) Run({"ip", "link", "set", port, "master", "br0"});
  Up("br0", kLongestMtu);
  {
    SCOPED_TRACE("the bridge forwards");
    CheckBetween("v0", "w0", kLongestMtu);
  }
  SCOPED_TRACE("the sender is a port of the bridge");
  CheckBetween("w1", "w0", kLongestMtu);
}

TEST_F(InjectionDevices, Tap) {
  const bpf::UniqueFd tap(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!tap) GTEST_SKIP() << "no /dev/net/tun here";
  ifreq request{};
  std::strncpy(request.ifr_name, "t0", sizeof(request.ifr_name) - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  ASSERT_EQ(ioctl(tap.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
  Up("t0", kLongestMtu);
  Check("t0", kLongestMtu, [&](const Wanted& wanted) -> absl::StatusOr<Frame> {
    const auto end = std::chrono::steady_clock::now() + Patience();
    while (std::chrono::steady_clock::now() < end) {
      pollfd readable{tap.get(), POLLIN, 0};
      if (poll(&readable, 1, 100) <= 0) continue;
      std::array<std::byte, 8192> bytes;
      const ssize_t length = read(tap.get(), bytes.data(), bytes.size());
      if (length <= 0) continue;
      Frame frame(bytes.begin(), bytes.begin() + length);
      if (wanted(frame)) return frame;
    }
    return absl::DeadlineExceededError("nothing came out of the tap");
  });
}

}  // namespace
}  // namespace pollux::pmd::af_xdp
