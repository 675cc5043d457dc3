// SPDX-License-Identifier: Apache-2.0
#include "tests/support/testpmd_account.h"

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

namespace pollux::support {
namespace {

constexpr absl::string_view kHeading = "  Accounting ";
constexpr absl::string_view kFrames = "  Frames of <";
constexpr std::size_t kLabelEnd = 38;

// Which member a row adds to; null: none (a row that says what is left over).
uint64_t PortTotals::*Member(absl::string_view label, bool tx) {
  static constexpr struct {
    absl::string_view beginning;
    bool tx;
    uint64_t PortTotals::*member;
  } kRows[] = {
      {"lost before: ", false, &PortTotals::lost_before}, {"received", false, &PortTotals::received},
      {"generated", false, &PortTotals::generated},       {"given to tx: ", false, &PortTotals::forwarded},
      {"dropped: ", false, &PortTotals::dropped},         {"ended: ", false, &PortTotals::ended},
      {"taken by tx", true, &PortTotals::taken},          {"sent", true, &PortTotals::sent},
      {"dropped: ", true, &PortTotals::tx_dropped},       {"pending", true, &PortTotals::pending},
  };
  for (const auto& row : kRows) {
    if (row.tx == tx && absl::StartsWith(label, row.beginning)) return row.member;
  }
  return nullptr;
}

void AddRow(absl::string_view label, absl::string_view columns, bool tx, TestpmdAccount& account) {
  uint64_t PortTotals::*const member = Member(label, tx);
  const std::vector<absl::string_view> words = absl::StrSplit(columns, ' ', absl::SkipEmpty());
  if (member == nullptr || words.empty()) return;
  account.ports.resize(words.size() - 1);
  for (std::size_t column = 0; column < words.size(); ++column) {
    PortTotals& totals = column + 1 == words.size() ? account.total : account.ports[column];
    uint64_t value = 0;
    if (absl::SimpleAtoi(words[column], &value)) totals.*member += value;
  }
}

}  // namespace

absl::StatusOr<TestpmdAccount> ParseAccount(absl::string_view output) {
  const std::size_t start = output.rfind(kHeading);
  if (start == absl::string_view::npos) return absl::NotFoundError(absl::StrCat("no accounting in:\n", output));
  TestpmdAccount account;
  bool tx = false;
  bool in_table = true;
  for (const absl::string_view line : absl::StrSplit(output.substr(start), '\n')) {
    if (absl::StartsWith(line, kFrames)) {
      in_table = false;
      ++(absl::EndsWith(line, ", balanced") ? account.balanced_pools : account.unbalanced_pools);
    } else if (in_table && line.size() > kLabelEnd) {
      const absl::string_view label = absl::StripAsciiWhitespace(line.substr(0, kLabelEnd));
      tx = tx || label == "taken by tx";
      AddRow(label, line.substr(kLabelEnd), tx, account);
    }
  }
  return account;
}

}  // namespace pollux::support
