// SPDX-License-Identifier: Apache-2.0
#include "tests/support/testpmd_process.h"

#include <cstdlib>

#include <absl/strings/str_cat.h>

namespace pollux::support {
namespace {

constexpr char kForwarding[] = "packet forwarding - ports=";

}  // namespace

std::string TestpmdProcess::Program() {
  const char* chosen = std::getenv("POLLUX_TESTPMD");
  return chosen != nullptr ? chosen : "tools/testpmd/testpmd";
}

absl::StatusOr<std::unique_ptr<TestpmdProcess>> TestpmdProcess::Start(const NetworkNamespace& network, const Arguments& arguments,
                                                                      const Arguments& prefix, const std::string& program) {
  Arguments command = prefix;
  command.push_back(program);
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto process = ChildProcess::Start(command, &network);
  if (!process.ok()) return process.status();
  std::unique_ptr<TestpmdProcess> testpmd(new TestpmdProcess);
  testpmd->process_ = std::move(*process);
  return testpmd;
}

absl::Status TestpmdProcess::WaitUntilForwarding(std::chrono::milliseconds deadline) {
  return process_->WaitForText(kForwarding, deadline);
}

absl::StatusOr<TestpmdAccount> TestpmdProcess::Stop(int signal, std::chrono::milliseconds deadline) {
  const absl::Status sent = process_->Signal(signal);
  if (!sent.ok()) return sent;
  const auto exit_code = process_->Wait(deadline);
  if (!exit_code.ok()) return exit_code.status();
  auto account = ParseAccount(process_->Output() + process_->Errors());  // with --json the text is among the errors
  if (!account.ok()) return absl::NotFoundError(absl::StrCat(account.status().message(), process_->Transcript()));
  account->exit_code = *exit_code;
  return account;
}

}  // namespace pollux::support
