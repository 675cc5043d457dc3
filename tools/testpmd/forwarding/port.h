// SPDX-License-Identifier: Apache-2.0
// Port: a device with its number, its state, and what its counters were when somebody said "clear".
#ifndef TOOLS_TESTPMD_FORWARDING_PORT_H_
#define TOOLS_TESTPMD_FORWARDING_PORT_H_

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/device.h"
#include "pmd/tap/port_taps.h"
#include "tools/testpmd/forwarding/interface_settings.h"

namespace pollux::testpmd {

enum class PortState { kStopped, kStarted, kClosed };

// Belongs to the main lcore. The device's own counters are never reset, so that the account at the end covers the whole run; every
// "clear" and "since" keeps a copy and subtracts.
class Port {
 public:
  // `text` as behind --vdev.
  static absl::StatusOr<std::unique_ptr<Port>> Open(std::size_t number, const std::string& text);

  absl::Status Configure(const pmd::DeviceConfig& config);
  absl::Status Start();
  absl::Status Stop();
  // Stops if need be, and lets the device go; its counters and its name stay.
  absl::Status Close();
  // Lets the device of a stopped port go and opens another by the same text, which must be configured anew. A port that cannot be
  // opened again is closed.
  absl::Status Reopen();
  // Device::UseFlows, under the port's number; of a device that is opened anew, too.
  absl::Status UseFlows(std::shared_ptr<pmd::FlowTable> flows, pmd::FlowRole role);
  // Null: it uses none.
  const std::shared_ptr<pmd::FlowTable>& flows() const { return flows_; }
  pmd::FlowRole flow_role() const { return flow_role_; }

  std::size_t number() const { return number_; }
  const std::string& text() const { return text_; }
  // Of the kernel interface; UNIMPLEMENTED for a port without one.
  absl::StatusOr<InterfaceSettings*> interface_settings();
  PortState state() const { return state_; }
  bool configured() const { return configured_; }
  bool started() const { return state_ == PortState::kStarted; }
  pmd::Device& device() { return *device_; }
  const pmd::Device& device() const { return *device_; }
  // With places for a tap: use these, and not the device's.
  pmd::RxQueue& rx_queue(std::size_t number) { return taps_.rx_queue(number); }
  pmd::TxQueue& tx_queue(std::size_t number) { return taps_.tx_queue(number); }
  pmd::PortTaps& taps() { return taps_; }
  // Null once closed.
  const pmd::Device* device_or_null() const { return device_.get(); }
  const pmd::DeviceConfig& config() const { return config_; }
  pmd::DeviceInfo Info() const { return device_ != nullptr ? device_->Info() : info_; }
  // Its interface has another name, or is gone or another one: what was known of it is asked anew.
  void ForgetInterface();
  // "net_af_xdp0" or "p0" if there is a kernel interface.
  std::string ShortName() const;
  // "port 0 (p0)".
  std::string FullName() const;

  // Since Open.
  pmd::QueueStats Stats() const;
  std::vector<pmd::NamedCounter> ExtendedStats() const;
  // Since the last clear.
  pmd::QueueStats ShownStats() const;
  std::vector<pmd::NamedCounter> ShownExtendedStats() const;
  void ClearStats() { cleared_stats_ = Stats(); }
  void ClearExtendedStats();

  struct Rates {
    uint64_t rx_packets = 0;
    uint64_t rx_bits = 0;
    uint64_t tx_packets = 0;
    uint64_t tx_bits = 0;
    std::map<std::string, uint64_t> extended;  // of AllExtendedStats
  };
  // A second, since the last call; 0 at the first.
  Rates TakeRates(std::chrono::steady_clock::time_point now);

  // As it was last time, so that a change is reported once.
  std::optional<bool> link_up;
  // Its interface is gone, and the port stopped because of that: it starts again when there is another of that name.
  bool awaits_interface = false;
  // What it is to be, and is once configured. As in DPDK's testpmd: a forwarder is to see what is addressed to those behind it.
  bool promiscuous = true;

 private:
  Port(std::size_t number, std::string text, std::unique_ptr<pmd::Device> device);

  const std::size_t number_;
  const std::string text_;
  std::unique_ptr<pmd::Device> device_;
  pmd::PortTaps taps_;                                     // at the device's queues
  std::unique_ptr<InterfaceSettings> interface_settings_;  // from the first question on
  pmd::DeviceInfo info_;                                   // as of Open or ForgetInterface
  pmd::DeviceConfig config_;
  PortState state_ = PortState::kStopped;
  bool configured_ = false;
  std::shared_ptr<pmd::FlowTable> flows_;
  pmd::FlowRole flow_role_ = pmd::FlowRole::kOutput;

  pmd::QueueStats carried_stats_;  // of configurations before this one, and of a device that was closed
  std::map<std::string, uint64_t> carried_extended_;
  pmd::QueueStats cleared_stats_;
  std::map<std::string, uint64_t> cleared_extended_;
  std::optional<std::chrono::steady_clock::time_point> rates_time_;
  pmd::QueueStats rates_stats_;
  std::map<std::string, uint64_t> rates_extended_;
};

// DPDK's generic names ("rx_good_packets") before the driver's own.
std::vector<pmd::NamedCounter> AllExtendedStats(const pmd::QueueStats& stats, std::vector<pmd::NamedCounter> drivers);

pmd::QueueStats Difference(const pmd::QueueStats& later, const pmd::QueueStats& earlier);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_PORT_H_
