// SPDX-License-Identifier: Apache-2.0
// Two network namespaces and the veth pair "plxsource" === "plxsink" between them.
#ifndef TESTS_TOOLS_PERFORMANCE_RIG_VETH_FIXTURE_H_
#define TESTS_TOOLS_PERFORMANCE_RIG_VETH_FIXTURE_H_

#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "tools/support/network_namespace.h"
#include "tools/support/veth_pair.h"

namespace pollux::performance {

class VethFixture : public ::testing::Test {
 protected:
  explicit VethFixture(uint32_t queue_count = 1) : queue_count_(queue_count) {}

  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    auto left = support::NetworkNamespace::CreateUnnamed();
    auto right = support::NetworkNamespace::CreateUnnamed();
    ASSERT_TRUE(left.ok() && right.ok()) << left.status() << right.status();
    left_ = *std::move(left);
    right_ = *std::move(right);
    ASSERT_TRUE(
        support::AddVethPair({*left_, "plxsource"}, {*right_, "plxsink"}, {.queues = queue_count_, .arp = false, .gro = true}).ok());
  }

  // A socket that lives in `network`, whoever uses it; -1 if it was refused.
  static int SocketIn(const support::NetworkNamespace& network, int family, int type, int protocol) {
    int descriptor = -1;
    const absl::Status status = network.Call([&] {
      descriptor = socket(family, type | SOCK_CLOEXEC, protocol);
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return descriptor;
  }

  // Reads until what is read satisfies `enough`, and returns it: on a busy machine neither a source's thread nor the kernel's receive work
  // is done when the test comes to look. After ten seconds it is returned as it is.
  template <typename Read, typename Enough>
  static auto ReadUntil(const Read& read, const Enough& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    auto value = read();
    while (!enough(value) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      value = read();
    }
    return value;
  }

  const uint32_t queue_count_;
  std::unique_ptr<support::NetworkNamespace> left_;
  std::unique_ptr<support::NetworkNamespace> right_;
};

}  // namespace pollux::performance

#endif  // TESTS_TOOLS_PERFORMANCE_RIG_VETH_FIXTURE_H_
