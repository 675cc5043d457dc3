// SPDX-License-Identifier: Apache-2.0
// TestpmdProcess: a testpmd that forwards in a namespace, and the account that it closes with.
#ifndef TESTS_SUPPORT_TESTPMD_PROCESS_H_
#define TESTS_SUPPORT_TESTPMD_PROCESS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <signal.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/strings/string_view.h>

#include "tests/support/child_process.h"

namespace pollux::support {

// One "Forward statistics" block.
struct ForwardTotals {
  uint64_t rx_packets = 0;
  uint64_t rx_dropped = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_dropped = 0;
};

// What testpmd says when it stops.
struct TestpmdAccount {
  int exit_code = -1;
  std::vector<ForwardTotals> ports;  // by port number
  ForwardTotals total;
};

// Reads the closing blocks out of testpmd's output. The last set counts if forwarding was stopped more than once.
absl::StatusOr<TestpmdAccount> ParseAccount(absl::string_view output);

class TestpmdProcess {
 public:
  // The program under test: $POLLUX_TESTPMD, else //tools/testpmd of the test's runfiles.
  static std::string Program();

  // Starts it in `network`; `prefix` are the words of a command to run it under, such as {"prlimit", "--memlock=65536"}.
  static absl::StatusOr<std::unique_ptr<TestpmdProcess>> Start(const NetworkNamespace& network, const Arguments& arguments,
                                                               const Arguments& prefix = {}, const std::string& program = Program());

  ChildProcess& process() { return *process_; }

  absl::Status WaitUntilForwarding(std::chrono::milliseconds deadline = kDefaultDeadline);

  // Ends it as a user would and returns its account.
  absl::StatusOr<TestpmdAccount> Stop(int signal = SIGINT, std::chrono::milliseconds deadline = kDefaultDeadline);

 private:
  TestpmdProcess() = default;

  std::unique_ptr<ChildProcess> process_;
};

}  // namespace pollux::support

#endif  // TESTS_SUPPORT_TESTPMD_PROCESS_H_
