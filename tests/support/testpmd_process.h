// SPDX-License-Identifier: Apache-2.0
// TestpmdProcess: a testpmd that forwards in a namespace, and the account that it closes with.
#ifndef TESTS_SUPPORT_TESTPMD_PROCESS_H_
#define TESTS_SUPPORT_TESTPMD_PROCESS_H_

#include <chrono>
#include <memory>
#include <string>

#include <signal.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tests/support/testpmd_account.h"
#include "tools/support/child_process.h"

namespace pollux::support {

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
