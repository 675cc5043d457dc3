// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/accounting.h"

#include <algorithm>
#include <functional>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

namespace pollux::testpmd {
namespace {

constexpr std::size_t kLabelWidth = 36;
constexpr std::size_t kColumnWidth = 16;

using Value = std::function<int64_t(const PortAccount&)>;

std::size_t CounterIndex(absl::string_view name) {
  for (std::size_t index = 0; index < std::size(kStreamCounters); ++index) {
    if (name == kStreamCounters[index].name) return index;
  }
  return 0;
}

uint64_t CauseOf(const PortAccount& account, const std::string& cause) {
  for (const auto& [name, value] : account.tx_drop_causes) {
    if (name == cause) return value;
  }
  return 0;
}

class AccountTable {
 public:
  explicit AccountTable(const std::vector<PortAccount>& accounts) : accounts_(accounts) {}

  void Heading() {
    std::string line = absl::StrFormat("  %-*s", kLabelWidth, "Accounting");
    for (const PortAccount& account : accounts_) absl::StrAppend(&line, absl::StrFormat("%*s", kColumnWidth, account.name));
    absl::StrAppend(&text_, line, absl::StrFormat("%*s\n", kColumnWidth, "total"));
  }

  void Row(const std::string& label, const Value& value, bool always = false) {
    int64_t total = 0;
    bool nonzero = false;
    std::string line = absl::StrFormat("  %-*s", kLabelWidth, label);
    for (const PortAccount& account : accounts_) {
      const int64_t number = value(account);
      total += number;
      nonzero = nonzero || number != 0;
      absl::StrAppend(&line, absl::StrFormat("%*d", kColumnWidth, number));
    }
    if (always || nonzero) absl::StrAppend(&text_, line, absl::StrFormat("%*d\n", kColumnWidth, total));
  }

  const std::string& text() const { return text_; }

 private:
  const std::vector<PortAccount>& accounts_;
  std::string text_;
};

void StreamRows(AccountTable& table, CounterRole role, const std::string& prefix, bool always = false) {
  for (std::size_t index = 0; index < std::size(kStreamCounters); ++index) {
    if (kStreamCounters[index].role != role) continue;
    table.Row(
        prefix + kStreamCounters[index].name, [index](const PortAccount& a) { return a.stream_counters[index]; }, always);
  }
}

}  // namespace

int64_t PortAccount::RxDifference() const {
  uint64_t difference = device.rx_packets + stream_counters[CounterIndex("generated")] - flushed;
  for (std::size_t index = 0; index < std::size(kStreamCounters); ++index) {
    const CounterRole role = kStreamCounters[index].role;
    if (role == CounterRole::kOut || role == CounterRole::kDrop || role == CounterRole::kConsumed) difference -= stream_counters[index];
  }
  return static_cast<int64_t>(difference);
}

int64_t PortAccount::TxDifference() const {
  return static_cast<int64_t>(taken - device.tx_packets - device.tx_dropped - device.tx_pending);
}

void Accounting::Add(const std::vector<StreamTotals>& streams, const std::map<std::size_t, uint64_t>& flushed) {
  for (const StreamTotals& stream : streams) {
    Sums& sums = by_port_[stream.ends.rx_port];
    for (std::size_t index = 0; index < stream.counters.size(); ++index) sums.stream_counters[index] += stream.counters[index];
    by_port_[stream.ends.tx_port].taken += stream.Value("tx_packets");
  }
  for (const auto& [port, packets] : flushed) by_port_[port].flushed += packets;
}

PortAccount Accounting::Close(std::size_t number, std::string name, const pmd::QueueStats& device,
                              const std::vector<pmd::NamedCounter>& extended) const {
  PortAccount account{.name = std::move(name), .device = device, .tx_drop_causes = TxDropCauses(extended)};
  if (const auto entry = by_port_.find(number); entry != by_port_.end()) {
    account.stream_counters = entry->second.stream_counters;
    account.taken = entry->second.taken;
    account.flushed = entry->second.flushed;
  }
  return account;
}

std::vector<std::pair<std::string, uint64_t>> TxDropCauses(const std::vector<pmd::NamedCounter>& extended) {
  constexpr absl::string_view kMark = "_dropped_";
  std::vector<std::pair<std::string, uint64_t>> causes;
  for (const pmd::NamedCounter& counter : extended) {
    const std::size_t mark = counter.name.find(kMark.data());
    if (!absl::StartsWith(counter.name, "tx_q") || mark == std::string::npos) continue;
    const std::string cause = counter.name.substr(mark + kMark.size());
    const auto same = [&cause](const auto& entry) { return entry.first == cause; };
    auto entry = std::find_if(causes.begin(), causes.end(), same);
    if (entry == causes.end()) entry = causes.insert(causes.end(), {cause, 0});
    entry->second += counter.value;
  }
  return causes;
}

std::string FormatAccounts(const std::vector<PortAccount>& accounts) {
  AccountTable table(accounts);
  table.Heading();
  table.Row("lost before: rx_missed", [](const PortAccount& a) { return a.device.rx_missed; });
  table.Row("lost before: rx_errors", [](const PortAccount& a) { return a.device.rx_errors; });
  table.Row(
      "received", [](const PortAccount& a) { return a.device.rx_packets; }, true);
  table.Row("generated", [](const PortAccount& a) { return a.stream_counters[CounterIndex("generated")]; });
  StreamRows(table, CounterRole::kOut, "  given to tx: ", true);
  StreamRows(table, CounterRole::kDrop, "  dropped: ");
  StreamRows(table, CounterRole::kConsumed, "  ended: ");
  table.Row("  ended: flushed before start", [](const PortAccount& a) { return a.flushed; });
  table.Row(
      "  unaccounted", [](const PortAccount& a) { return a.RxDifference(); }, true);
  table.Row(
      "taken by tx", [](const PortAccount& a) { return a.taken; }, true);
  table.Row(
      "  sent", [](const PortAccount& a) { return a.device.tx_packets; }, true);
  std::vector<std::string> causes;
  for (const PortAccount& account : accounts) {
    for (const auto& [name, value] : account.tx_drop_causes) {
      if (std::find(causes.begin(), causes.end(), name) == causes.end()) causes.push_back(name);
    }
  }
  for (const std::string& cause : causes) {
    table.Row("  dropped: " + cause, [&cause](const PortAccount& a) { return CauseOf(a, cause); });
  }
  table.Row("  dropped: without a named cause", [](const PortAccount& a) {
    uint64_t named = 0;
    for (const auto& [name, value] : a.tx_drop_causes) named += value;
    return static_cast<int64_t>(a.device.tx_dropped - named);
  });
  table.Row("  pending", [](const PortAccount& a) { return a.device.tx_pending; });
  table.Row(
      "  unaccounted", [](const PortAccount& a) { return a.TxDifference(); }, true);
  return table.text();
}

absl::Status CheckAccounts(const std::vector<PortAccount>& accounts) {
  std::vector<std::string> faults;
  for (const PortAccount& account : accounts) {
    if (const int64_t left = account.RxDifference(); left != 0) {
      faults.push_back(absl::StrCat(account.name, ": ", left, " received packets are unaccounted for"));
    }
    if (const int64_t left = account.TxDifference(); left != 0) {
      faults.push_back(absl::StrCat(account.name, ": ", left, " packets taken for sending are unaccounted for"));
    }
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrJoin(faults, "; "));
}

}  // namespace pollux::testpmd
