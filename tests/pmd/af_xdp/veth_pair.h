// SPDX-License-Identifier: Apache-2.0
// VethPair: two joined interfaces, x0 and x1, in a namespace that the calling thread enters. For tests of the device itself.
#ifndef TESTS_PMD_AF_XDP_VETH_PAIR_H_
#define TESTS_PMD_AF_XDP_VETH_PAIR_H_

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"
#include "tools/support/veth_pair.h"

namespace pollux::support {

class VethPair {
 public:
  // Returns null, having failed the test, if the machine refuses. Ask NetworkNamespace::MayCreate first.
  static std::unique_ptr<VethPair> Create(std::size_t queues = 4) {
    auto network = NetworkNamespace::Create("pair");
    if (!network.ok()) {
      ADD_FAILURE() << network.status();
      return nullptr;
    }
    std::unique_ptr<VethPair> pair(new VethPair(*std::move(network), queues));
    auto scope = NamespaceScope::Enter(*pair->network_);
    if (!scope.ok()) {
      ADD_FAILURE() << scope.status();
      return nullptr;
    }
    pair->scope_ = *std::move(scope);
    pair->Run({"sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"});
    pair->Make();
    return pair;
  }

  // Runs a command in the namespace and returns what it printed; a failure fails the test.
  std::string Run(const std::vector<std::string>& command) const {
    auto output = RunSuccessfully(command, network_.get());
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? *output : "";
  }

  void Make() const {
    const absl::Status status = AddVethPair({*network_, "x0"}, {*network_, "x1"}, {.queues = queues_});
    EXPECT_TRUE(status.ok()) << status;
  }

  const NetworkNamespace& network() const { return *network_; }

 private:
  VethPair(std::unique_ptr<NetworkNamespace> network, std::size_t queues) : network_(std::move(network)), queues_(queues) {}

  const std::unique_ptr<NetworkNamespace> network_;
  const std::size_t queues_;
  std::unique_ptr<NamespaceScope> scope_;  // left before the namespace goes
};

}  // namespace pollux::support

#endif  // TESTS_PMD_AF_XDP_VETH_PAIR_H_
