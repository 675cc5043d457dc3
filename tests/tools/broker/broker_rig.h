// SPDX-License-Identifier: Apache-2.0
// BrokerRig: a veth pair p0-p1 in a namespace of its own, and pollux-broker in there.
#ifndef TESTS_TOOLS_BROKER_BROKER_RIG_H_
#define TESTS_TOOLS_BROKER_BROKER_RIG_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"

namespace pollux::support {

class BrokerRig {
 public:
  // Null, having failed the test, if the machine refuses. Ask NetworkNamespace::MayCreate first.
  static std::unique_ptr<BrokerRig> Create(std::size_t queues = 1);
  ~BrokerRig();

  // Runs a command where the interfaces are; a failure fails the test.
  std::string Run(const std::vector<std::string>& command) const;

  // Writes a configuration with these members beside "socket", and starts the broker with it.
  void Start(const std::string& members);
  // Starts it again with the same one.
  void Restart();
  ChildProcess& broker() { return *broker_; }

  const NetworkNamespace& network() const { return *network_; }
  const std::string& folder() const { return folder_; }
  std::string socket() const { return folder_ + "/broker.sock"; }
  // Another connection to the keeper would wait for ever: it is there as long as somebody listens.
  bool HasKeeper() const;
  // Whether our program is on p0.
  bool HasProgram() const;

 private:
  BrokerRig() = default;

  std::unique_ptr<NetworkNamespace> network_;
  std::string folder_;
  std::unique_ptr<ChildProcess> broker_;
};

}  // namespace pollux::support

#endif  // TESTS_TOOLS_BROKER_BROKER_RIG_H_
