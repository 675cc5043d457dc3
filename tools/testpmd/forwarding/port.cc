// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/port.h"

#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "pmd/drivers.h"

namespace pollux::testpmd {
namespace {

constexpr uint64_t pmd::QueueStats::*kStats[] = {&pmd::QueueStats::rx_packets, &pmd::QueueStats::rx_bytes,   &pmd::QueueStats::rx_missed,
                                                 &pmd::QueueStats::rx_errors,  &pmd::QueueStats::rx_nombuf,  &pmd::QueueStats::tx_packets,
                                                 &pmd::QueueStats::tx_bytes,   &pmd::QueueStats::tx_dropped, &pmd::QueueStats::tx_pending};
static_assert(sizeof(pmd::QueueStats) == sizeof(kStats) / sizeof(kStats[0]) * sizeof(uint64_t), "a total is missing above");

std::map<std::string, uint64_t> ByName(const std::vector<pmd::NamedCounter>& counters) {
  std::map<std::string, uint64_t> values;
  for (const pmd::NamedCounter& counter : counters) values[counter.name] = counter.value;
  return values;
}

uint64_t Rate(uint64_t amount, double seconds) {
  return seconds > 0 ? static_cast<uint64_t>(static_cast<double>(amount) / seconds) : 0;
}

}  // namespace

pmd::QueueStats Difference(const pmd::QueueStats& later, const pmd::QueueStats& earlier) {
  pmd::QueueStats difference;
  for (uint64_t pmd::QueueStats::*member : kStats) {
    // A level such as tx_pending may have fallen; nothing is shown for it then.
    difference.*member = later.*member < earlier.*member ? 0 : later.*member - earlier.*member;
  }
  difference.tx_pending = later.tx_pending;
  return difference;
}

std::vector<pmd::NamedCounter> AllExtendedStats(const pmd::QueueStats& stats, std::vector<pmd::NamedCounter> drivers) {
  std::vector<pmd::NamedCounter> all = pmd::GenericCounters(stats);
  for (pmd::NamedCounter& counter : drivers) all.push_back(std::move(counter));
  return all;
}

absl::StatusOr<std::unique_ptr<Port>> Port::Open(std::size_t number, const std::string& text) {
  absl::StatusOr<std::unique_ptr<pmd::Device>> device = pmd::OpenDevice(text);
  if (!device.ok()) return lcore::Annotate(device.status(), absl::StrCat("port ", number, " (--vdev ", text, ")"));
  return std::unique_ptr<Port>(new Port(number, text, *std::move(device)));
}

Port::Port(std::size_t number, std::string text, std::unique_ptr<pmd::Device> device)
    : number_(number), text_(std::move(text)), device_(std::move(device)), info_(device_->Info()) {}

absl::Status Port::Configure(const pmd::DeviceConfig& config) {
  const pmd::QueueStats stats = Stats();
  const std::map<std::string, uint64_t> extended = ByName(ExtendedStats());
  const absl::Status status = device_->Configure(config);
  if (!status.ok()) return lcore::Annotate(status, FullName());
  taps_.Follow(*device_, config.rx_queues, config.tx_queues);
  config_ = config;
  configured_ = true;
  carried_stats_ = stats;
  carried_extended_ = extended;
  return absl::OkStatus();
}

absl::Status Port::Start() {
  const absl::Status status = device_->Start();
  if (!status.ok()) return lcore::Annotate(status, FullName());
  state_ = PortState::kStarted;
  return absl::OkStatus();
}

absl::Status Port::Stop() {
  if (state_ != PortState::kStarted) return absl::OkStatus();
  state_ = PortState::kStopped;
  return lcore::Annotate(device_->Stop(), FullName());
}

absl::Status Port::Close() {
  if (state_ == PortState::kClosed) return absl::OkStatus();
  const absl::Status status = Stop();
  info_ = device_->Info();
  carried_stats_ = Stats();
  carried_extended_ = ByName(ExtendedStats());
  configured_ = false;
  taps_.Clear();
  device_.reset();
  interface_settings_.reset();
  config_.pool.reset();
  state_ = PortState::kClosed;
  return status;
}

absl::Status Port::Reopen() {
  if (state_ != PortState::kStopped) return absl::FailedPreconditionError(absl::StrCat(FullName(), " is not stopped"));
  const std::shared_ptr<mempool::Pool> pool = config_.pool;
  if (absl::Status status = Close(); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<pmd::Device>> device = pmd::OpenDevice(text_);
  if (!device.ok()) return lcore::Annotate(device.status(), absl::StrCat(FullName(), " is closed"));
  device_ = *std::move(device);
  info_ = device_->Info();
  config_.pool = pool;
  state_ = PortState::kStopped;
  return flows_ == nullptr ? absl::OkStatus() : UseFlows(flows_, flow_role_);
}

absl::Status Port::UseFlows(std::shared_ptr<pmd::FlowTable> flows, pmd::FlowRole role) {
  if (device_ == nullptr) return absl::FailedPreconditionError(absl::StrCat(FullName(), " is closed"));
  if (auto status = device_->UseFlows(flows, static_cast<uint32_t>(number_), role); !status.ok())
    return lcore::Annotate(status, FullName());
  flows_ = std::move(flows);
  flow_role_ = role;
  return absl::OkStatus();
}

absl::StatusOr<InterfaceSettings*> Port::interface_settings() {
  if (info_.interface.empty()) return absl::UnimplementedError(absl::StrCat(FullName(), " is no kernel interface"));
  if (interface_settings_ == nullptr) {
    absl::StatusOr<std::unique_ptr<InterfaceSettings>> settings = InterfaceSettings::Of(info_.interface);
    if (!settings.ok()) return settings.status();
    interface_settings_ = *std::move(settings);
  }
  return interface_settings_.get();
}

void Port::ForgetInterface() {
  interface_settings_.reset();
  info_ = Info();
}

std::string Port::ShortName() const {
  return info_.interface.empty() ? info_.name : info_.interface;
}

std::string Port::FullName() const {
  return absl::StrCat("port ", number_, " (", ShortName(), ")");
}

pmd::QueueStats Port::Stats() const {
  pmd::QueueStats stats = carried_stats_;
  stats.tx_pending = 0;
  if (configured_) stats += device_->Stats();
  return stats;
}

std::vector<pmd::NamedCounter> Port::ExtendedStats() const {
  std::vector<pmd::NamedCounter> counters;
  std::map<std::string, uint64_t> carried = carried_extended_;
  if (configured_) counters = device_->ExtendedStats();
  for (pmd::NamedCounter& counter : counters) {
    if (auto entry = carried.find(counter.name); entry != carried.end()) {
      counter.value += entry->second;
      carried.erase(entry);
    }
  }
  for (const auto& [name, value] : carried) counters.push_back({name, value});
  return counters;
}

pmd::QueueStats Port::ShownStats() const {
  return Difference(Stats(), cleared_stats_);
}

std::vector<pmd::NamedCounter> Port::ShownExtendedStats() const {
  std::vector<pmd::NamedCounter> counters = ExtendedStats();
  for (pmd::NamedCounter& counter : counters) {
    const auto entry = cleared_extended_.find(counter.name);
    if (entry != cleared_extended_.end() && entry->second <= counter.value) counter.value -= entry->second;
  }
  return counters;
}

void Port::ClearExtendedStats() {
  cleared_extended_ = ByName(ExtendedStats());
}

Port::Rates Port::TakeRates(std::chrono::steady_clock::time_point now) {
  const pmd::QueueStats stats = Stats();
  std::map<std::string, uint64_t> extended = ByName(AllExtendedStats(stats, ExtendedStats()));
  Rates rates;
  if (rates_time_.has_value()) {
    const double seconds = std::chrono::duration<double>(now - *rates_time_).count();
    const pmd::QueueStats since = Difference(stats, rates_stats_);
    rates.rx_packets = Rate(since.rx_packets, seconds);
    rates.rx_bits = Rate(since.rx_bytes * 8, seconds);
    rates.tx_packets = Rate(since.tx_packets, seconds);
    rates.tx_bits = Rate(since.tx_bytes * 8, seconds);
    for (const auto& [name, value] : extended) {
      const uint64_t before = rates_extended_[name];  // a counter that begins anew has no rate this time
      rates.extended[name] = Rate(value < before ? 0 : value - before, seconds);
    }
  }
  rates_time_ = now;
  rates_stats_ = stats;
  rates_extended_ = std::move(extended);
  return rates;
}

}  // namespace pollux::testpmd
