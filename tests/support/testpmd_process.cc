// SPDX-License-Identifier: Apache-2.0
#include "tests/support/testpmd_process.h"

#include <cstdlib>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

namespace pollux::support {
namespace {

constexpr absl::string_view kPortHeading = "Forward statistics for port ";
constexpr absl::string_view kTotalHeading = "Accumulated forward statistics for all ports";
constexpr char kForwarding[] = "packet forwarding - ports=";

// Reads the number behind `key` in "  RX-packets: 4              RX-dropped: 0             RX-total: 4".
bool ReadValue(absl::string_view line, absl::string_view key, uint64_t& value) {
  const std::size_t position = line.find(key);
  if (position == absl::string_view::npos) return false;
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(line.substr(position + key.size()));
  return absl::SimpleAtoi(rest.substr(0, rest.find_first_not_of("0123456789")), &value);
}

void ReadTotals(absl::string_view line, ForwardTotals& totals) {
  ReadValue(line, "RX-packets:", totals.rx_packets);
  ReadValue(line, "RX-dropped:", totals.rx_dropped);
  ReadValue(line, "TX-packets:", totals.tx_packets);
  ReadValue(line, "TX-dropped:", totals.tx_dropped);
}

}  // namespace

absl::StatusOr<TestpmdAccount> ParseAccount(absl::string_view output) {
  TestpmdAccount account;
  ForwardTotals* block = nullptr;
  bool complete = false;
  for (const absl::string_view line : absl::StrSplit(output, '\n')) {
    uint64_t port = 0;
    if (ReadValue(line, kPortHeading, port)) {
      if (std::exchange(complete, false)) account = TestpmdAccount{};
      if (account.ports.size() <= port) account.ports.resize(port + 1);
      block = &account.ports[port];
    } else if (line.find(kTotalHeading) != absl::string_view::npos) {
      block = &account.total;
      complete = true;
    } else if (block != nullptr && (line.find("----------") != absl::string_view::npos || line.find("+++++") != absl::string_view::npos)) {
      block = nullptr;
    } else if (block != nullptr) {
      ReadTotals(line, *block);
    }
  }
  if (!complete) return absl::NotFoundError(absl::StrCat("no closing statistics in:\n", output));
  return account;
}

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
  auto account = ParseAccount(process_->Output());
  if (!account.ok()) return absl::NotFoundError(absl::StrCat(account.status().message(), process_->Transcript()));
  account->exit_code = *exit_code;
  return account;
}

}  // namespace pollux::support
