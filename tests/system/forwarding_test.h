// SPDX-License-Identifier: Apache-2.0
// ForwardingTest: testpmd between clients in namespaces; every scenario ends with the accounting.
#ifndef TESTS_SYSTEM_FORWARDING_TEST_H_
#define TESTS_SYSTEM_FORWARDING_TEST_H_

#include <cstddef>
#include <memory>
#include <string>

#include <signal.h>

#include <gtest/gtest.h>

#include "tests/support/frame_socket.h"
#include "tests/support/packet_builder.h"
#include "tests/support/testpmd_process.h"
#include "tests/support/veth_rig.h"
#include "tools/support/child_process.h"

// For Status and StatusOr, in functions that return nothing.
#define ASSERT_OK(expression)                                                \
  do {                                                                       \
    const auto& result_ = (expression);                                      \
    ASSERT_TRUE(result_.ok()) << ::pollux::system_tests::MessageOf(result_); \
  } while (false)

namespace pollux::system_tests {

using support::Arguments;
using support::ChildProcess;
using support::FrameSocket;
using support::PacketBuilder;
using support::TestpmdAccount;
using support::TestpmdProcess;
using support::VethRig;
using support::VethRigOptions;

inline std::string MessageOf(const absl::Status& status) {
  return status.ToString();
}
template <typename Value>
std::string MessageOf(const absl::StatusOr<Value>& result) {
  return result.status().ToString();
}

struct CommandLine {
  std::size_t ports = 2;
  Arguments lcores = {"-l", "0,1"};
  std::string device_arguments;  // of every port, as "start_queue=1,mode=skb"
  Arguments devices;             // instead of one --vdev for every port
  Arguments options = {"--forward-mode=io"};

  Arguments Words() const;
};

class ForwardingTest : public ::testing::Test {
 protected:
  void SetUp() override;
  // Nothing may be left on the switch, whatever became of testpmd.
  void TearDown() override;

  void BuildRig(const VethRigOptions& options = {});
  // Starts testpmd in the switch and waits until it forwards; the rig is built if it is not there.
  void StartForwarding(const CommandLine& command = {});
  void StartWords(const Arguments& words);  // the same, with a command line as it stands

  // Ends testpmd and checks what must hold after every scenario: exit code 0, received = sent + named drops, and the kernel's counters
  // do not contradict.
  void StopForwarding(int signal = SIGINT);

  // For a second testpmd beside the first, which the caller ends.
  std::unique_ptr<TestpmdProcess> TakeTestpmd() {
    ShareThePorts();
    return std::move(testpmd_);
  }
  // The clients also hear from others than testpmd: their counters say nothing about it.
  void ShareThePorts() { others_on_ports_ = true; }

  // What testpmd changed on the switch is as it was before, or becomes so soon.
  void ExpectSwitchRestored();

  // Pings from client to client, `count` times, `more` options of ping; every echo must come back.
  void Ping(std::size_t from, const std::string& address, int count = 3, const Arguments& more = {});
  void PingBothWays();
  // Interface counters, neighbours and protocol counters, to tell from a failure where a packet ended. Ends testpmd for its account.
  std::string StateOfRig();

  // Sends from one client; the frame must arrive at the other as `expected`.
  void ExpectArrival(std::size_t from, std::size_t to, const FrameSocket::Frame& frame, const FrameSocket::Frame& expected);
  FrameSocket& Socket(std::size_t client);

  // An Ethernet header from one client to another.
  static support::EthernetFields Between(std::size_t from, std::size_t to);

  VethRig& rig() { return *rig_; }
  TestpmdProcess& testpmd() { return *testpmd_; }
  const TestpmdAccount& account() const { return account_; }
  std::string Transcript() const { return testpmd_->process().Transcript(); }
  // Of a test that changes the switch itself.
  void ForgetSwitchState() { state_before_.clear(); }

 private:
  void CheckAccount();

  std::unique_ptr<VethRig> rig_;
  std::unique_ptr<TestpmdProcess> testpmd_;
  std::vector<std::unique_ptr<FrameSocket>> sockets_;
  std::string state_before_;
  std::vector<support::InterfaceCounters> counters_before_;
  bool others_on_ports_ = false;
  TestpmdAccount account_;
};

}  // namespace pollux::system_tests

#endif  // TESTS_SYSTEM_FORWARDING_TEST_H_
