// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/session.h"

#include <algorithm>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "lcore/cycle_clock.h"
#include "tools/testpmd/options/option_values.h"
#include "tools/testpmd/report/json_report.h"
#include "tools/testpmd/report/port_display.h"
#include "tools/testpmd/session/verbose_observer.h"

namespace pollux::testpmd {

Session::~Session() {
  Close();
}

absl::Status Session::StartForwarding(std::size_t tx_first_bursts) {
  if (forwarding()) return absl::FailedPreconditionError("Packet forwarding already started");
  if (config_.ports.empty()) return absl::FailedPreconditionError("there is no port to forward between (port attach DEVICE)");
  for (std::size_t port : config_.ports) forward_base_[port] = ports_[port]->Stats();
  stream_base_.clear();
  const absl::Status status = forwarder_->Start(config_, tx_first_bursts, active_observer_);
  if (!status.ok()) {
    accounting_.Add(forwarder_->Totals(), forwarder_->flushed());
    return status;
  }
  // What was thrown away is not part of what is forwarded.
  for (const auto& [port, packets] : forwarder_->flushed()) forward_base_[port].rx_packets += packets;
  // So that the first statistics have rates.
  for (const auto& port : ports_) port->TakeRates(std::chrono::steady_clock::now());
  Print(ForwardConfigText());
  Print(RxTxText());
  output_.PrintJson({{"event", "forwarding"}, {"mode", config_.mode}, {"lcores", JsonOfAssignment(config_)}});
  return absl::OkStatus();
}

absl::Status Session::StopForwarding() {
  if (!forwarding()) return absl::FailedPreconditionError("Packet forwarding not started");
  Print("Telling cores to stop...\nWaiting for lcores to finish...\n");
  if (absl::Status status = forwarder_->Stop(); !status.ok()) return status;
  const std::vector<StreamTotals> streams = forwarder_->Totals();
  accounting_.Add(streams, forwarder_->flushed());
  Print(FormatForwardStats(Report()));
  nlohmann::json stopped = {{"event", "stopped"}, {"streams", nlohmann::json::array()}};
  for (const StreamTotals& stream : streams) stopped["streams"].push_back(JsonOf(stream));
  output_.PrintJson(stopped);
  bool balanced = true;
  const std::string audit = AuditText(balanced);
  if (!balanced) Print(audit);
  Fail(CheckAccounts(Accounts()));
  Print("\nDone.\n");
  return absl::OkStatus();
}

absl::Status Session::SetVerbose(uint32_t level) {
  observer_->SetLevel(level);
  active_observer_ = level == 0 ? nullptr : observer_.get();
  return forwarder_->SetObserver(active_observer_);
}

std::vector<std::size_t> Session::OpenPortNumbers() const {
  std::vector<std::size_t> numbers;
  for (const auto& port : ports_) {
    if (port->state() != PortState::kClosed) numbers.push_back(port->number());
  }
  return numbers;
}

absl::StatusOr<std::vector<std::size_t>> Session::SelectPorts(const std::string& word) const {
  if (word == "all") return OpenPortNumbers();
  const absl::StatusOr<uint64_t> number = ParseNumber(word, 0, UINT32_MAX);
  if (!number.ok() || *number >= ports_.size()) return absl::InvalidArgumentError(absl::StrCat("Invalid port ", word));
  if (ports_[*number]->state() == PortState::kClosed)
    return absl::InvalidArgumentError(absl::StrCat("Invalid port ", word, ": it is closed"));
  return std::vector<std::size_t>{*number};
}

absl::Status Session::StartPort(std::size_t port) {
  if (ports_[port]->started()) return absl::FailedPreconditionError(absl::StrCat("Port ", port, " is now not stopped"));
  if (absl::Status status = ports_[port]->Start(); !status.ok()) return status;
  ports_[port]->vanished = false;
  Print(absl::StrCat("Port ", port, ": ", ports_[port]->Info().mac.ToString(), "\nDone\n"));
  return absl::OkStatus();
}

absl::Status Session::StopPort(std::size_t port) {
  const std::vector<std::size_t>& used = forwarder_->config().ports;
  if (forwarding() && std::find(used.begin(), used.end(), port) != used.end()) {
    return absl::FailedPreconditionError(absl::StrCat("Please remove port ", port, " from forwarding configuration (stop, set portlist)."));
  }
  Print("Stopping ports...\n");
  if (absl::Status status = ports_[port]->Stop(); !status.ok()) return status;
  Print("Done\n");
  return absl::OkStatus();
}

absl::Status Session::ClosePort(std::size_t port) {
  if (ports_[port]->started()) return absl::FailedPreconditionError(absl::StrCat("Port ", port, " is not stopped (port stop ", port, ")"));
  Print("Closing ports...\n");
  if (absl::Status status = ports_[port]->Close(); !status.ok()) return status;
  config_.ports.erase(std::remove(config_.ports.begin(), config_.ports.end(), port), config_.ports.end());
  Print(absl::StrCat("Port ", port, " is closed\nDone\n"));
  return absl::OkStatus();
}

absl::Status Session::ReconfigurePort(std::size_t port, std::size_t rx_queues, std::size_t tx_queues, std::size_t rx_ring,
                                      std::size_t tx_ring) {
  if (ports_[port]->started())
    return absl::FailedPreconditionError(absl::StrCat("Please stop port ", port, " first (port stop ", port, ")"));
  return ConfigurePort(*ports_[port], {.rx_queues = rx_queues, .tx_queues = tx_queues, .rx_ring = rx_ring, .tx_ring = tx_ring});
}

absl::Status Session::SetPromiscuous(std::size_t port, bool on) {
  const absl::Status status = ports_[port]->device().SetPromiscuous(on);
  if (status.ok()) ports_[port]->promiscuous = on;
  return status;
}

bool Session::WatchPorts() {
  bool printed = false;
  for (const auto& port : ports_) {
    if (!port->started() || port->vanished) continue;
    const absl::StatusOr<pmd::LinkState> link = port->device().Link();
    const std::string name = absl::StrCat("Port ", port->number(), " (", port->ShortName(), ")");
    if (!link.ok()) {
      port->vanished = printed = true;
      Print(absl::StrCat("\n", name, ": the interface is gone, the other ports go on: ", link.status().message(), "\n"));
      output_.PrintJson({{"event", "vanished"}, {"port", port->number()}, {"reason", std::string(link.status().message())}});
      continue;
    }
    const std::optional<bool> before = std::exchange(port->link_up, link->up);
    if (before == link->up || (!before.has_value() && link->up)) continue;
    printed = true;
    Print(absl::StrCat("\n", name, ": link state change: ", link->up ? "up" : "down", "\n"));
    output_.PrintJson({{"event", "link"}, {"port", port->number()}, {"up", link->up}});
  }
  return printed;
}

std::vector<ShownCounter> Session::ShownCounters(const Port& port, const Port::Rates& rates) const {
  std::vector<ShownCounter> shown;
  if (options_.display_xstats.empty()) return shown;
  const std::vector<pmd::NamedCounter> all = AllExtendedStats(port.ShownStats(), port.ShownExtendedStats());
  for (const std::string& name : options_.display_xstats) {
    const auto entry = std::find_if(all.begin(), all.end(), [&name](const pmd::NamedCounter& counter) { return counter.name == name; });
    if (entry == all.end()) continue;
    const auto rate = rates.extended.find(name);
    shown.push_back({name, entry->value, rate == rates.extended.end() ? 0 : rate->second});
  }
  return shown;
}

std::string Session::PortStats(const std::vector<std::size_t>& ports) {
  std::string text;
  const std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
  nlohmann::json event = {
      {"event", "stats"}, {"seconds", std::chrono::duration<double>(now - begin_).count()}, {"ports", nlohmann::json::array()}};
  for (std::size_t number : ports) {
    Port& port = *ports_[number];
    const pmd::QueueStats stats = port.ShownStats();
    const Port::Rates rates = port.TakeRates(now);
    event["ports"].push_back(JsonOf(number, stats, rates));
    absl::StrAppend(&text, FormatPortStats(number, stats, rates, ShownCounters(port, rates)));
  }
  output_.PrintJson(event);
  return text;
}

ForwardReport Session::Report() const {
  const ForwardConfig& config = forwarder_->config().ports.empty() ? config_ : forwarder_->config();
  ForwardReport report{.mode = config.mode,
                       .record_core_cycles = config.record_core_cycles,
                       .record_burst_stats = config.record_burst_stats,
                       .clock_mhz = lcore::CyclesPerSecond() / 1000000};
  for (std::size_t port : config.ports) {
    const auto base = forward_base_.find(port);
    report.ports.emplace_back(port, Difference(ports_[port]->Stats(), base == forward_base_.end() ? pmd::QueueStats{} : base->second));
  }
  report.streams = forwarder_->Totals();
  for (std::size_t index = 0; index < stream_base_.size() && index < report.streams.size(); ++index) {
    report.streams[index] -= stream_base_[index];
  }
  return report;
}

void Session::ClearForwardStats() {
  for (auto& [port, base] : forward_base_) base = ports_[port]->Stats();
  stream_base_ = forwarder_->Totals();
}

std::string Session::ForwardConfigText() const {
  const auto text = [](const std::optional<unsigned>& node) { return node.has_value() ? absl::StrCat(*node) : "any"; };
  const auto lcore_node = [&](std::size_t lcore) { return text(LcoreNode(static_cast<unsigned>(lcore))); };
  const auto port_node = [&](std::size_t port) {
    const int node = MemoryNodeOf(*ports_[port]);
    return text(node < 0 ? std::nullopt : std::optional<unsigned>(node));
  };
  return FormatForwardConfig(config_, lcore_node, port_node);
}

std::string Session::RxTxText() const {
  const auto ring = [this](std::size_t port, bool rx) {
    const std::size_t asked = rx ? ports_[port]->config().rx_ring : ports_[port]->config().tx_ring;
    return asked != 0 ? asked : ports_[port]->Info().recommended_ring;
  };
  return FormatRxTx(config_, config_.Assignment().size(), ring);
}

std::string Session::PoolsText() const {
  std::string text;
  for (const auto& [node, pool] : memory_.pools()) absl::StrAppend(&text, DescribePool(*pool));
  return text;
}

}  // namespace pollux::testpmd
