// SPDX-License-Identifier: Apache-2.0
// AfXdpDevice: the control path of net_af_xdp.
#ifndef PMD_AF_XDP_AF_XDP_DEVICE_H_
#define PMD_AF_XDP_AF_XDP_DEVICE_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bpf/feature_probe.h"
#include "bpf/xdp_program.h"
#include "pmd/af_xdp/af_xdp_options.h"
#include "pmd/af_xdp/companion_interface.h"
#include "pmd/af_xdp/flow_port.h"
#include "pmd/af_xdp/interface_watch.h"
#include "pmd/af_xdp/port_interface.h"
#include "pmd/af_xdp/queue_pair.h"
#include "pmd/af_xdp/transmit_engines.h"
#include "pmd/device.h"
#include "pmd/device_arguments.h"

namespace pollux::pmd::af_xdp {

// Start attaches the program, then makes, fills, binds and enters the sockets; Stop goes the same way back, and so does a Start that
// fails. Every port registers its pool's region as a UMEM of its own, so that a frame that one
// port received another can send as it is, in whatever mode either runs.
class AfXdpDevice final : public Device {
 public:
  static absl::StatusOr<std::unique_ptr<Device>> Open(DeviceArguments arguments);
  ~AfXdpDevice() override;

  DeviceInfo Info() const override;
  absl::StatusOr<LinkState> Link() const override { return interface_->Link(); }
  absl::Status Configure(const DeviceConfig& config) override;
  absl::Status Start() override;
  absl::Status Stop() override;
  bool scattered() const override { return scattered_; }
  uint32_t rx_metadata() const override { return program_ != nullptr ? program_->rx_metadata() & AskedRxMetadata() : 0; }
  TxOffloads tx_offloads() const override;
  RxQueue& rx_queue(std::size_t number) override { return queues_[number]->rx(); }
  TxQueue& tx_queue(std::size_t number) override { return engines_->queue(number); }
  // Logical tx queues go round the sockets.
  QueueStats Stats(std::size_t queue) const override;
  QueueStats Stats() const override;
  std::vector<NamedCounter> ExtendedStats() const override;
  void ResetStats() override;
  absl::Status SetPromiscuous(bool on) override;
  absl::Status SetMtu(std::size_t mtu) override;
  absl::Status SetMac(const MacAddress& mac) override;
  absl::Status UseFlows(std::shared_ptr<FlowTable> flows, uint32_t port, FlowRole role) override;
  std::vector<DeviceEvent> PollEvents() override;
  void RestoreSettings() override;
  std::vector<FeatureState> Features() const override;
  std::vector<Stall> Stalls() const override;
  void CollectFrames(mempool::FrameAudit& audit) const override;
  absl::StatusOr<std::unique_ptr<mempool::Region>> MakeRegion(const mempool::RegionOptions& options) override;

 private:
  AfXdpDevice(std::string name, AfXdpOptions options, HookChoice hook, std::unique_ptr<PortInterface> interface);

  bool MayScatter() const;
  std::size_t LargestMtu(bool scattered) const;
  std::string WhyTooLarge(std::size_t mtu, bool scattered) const;
  FeatureState Scattering() const;
  FeatureState RxVlan() const;
  uint32_t AskedRxMetadata() const { return options_.rx_metadata.value_or(config_.rx_metadata); }
  FeatureState RxMetadataState() const;
  std::string WhyNoWakeLatency() const;
  std::string WhyNoTxMetadata() const;
  std::string WhyNoZeroCopy(std::size_t mtu) const;
  absl::StatusOr<uint32_t> AvailableQueues(const InterfaceFacts& facts) const;
  bool WantsVisibleRegion(const InterfaceFacts& facts) const;
  std::unique_ptr<QueuePair> MakePair(std::size_t number, std::size_t pair_count) const;
  absl::Status CheckInterface(uint32_t queue_count) const;
  absl::Status StartQueues();
  void StopQueues(int interface_index, int patience_ms);
  XskRingSizes RingSizes() const;
  void Tell(DeviceEvent::Kind kind, const std::vector<std::string>& lines);
  void React(DeviceEvent& event);
  void WatchQueues();
  void LetGo();
  uint64_t PassedPackets() const;
  void FollowMtu(std::size_t mtu, std::string& text);
  absl::Status FollowInterface();
  OutputLengths OutputLengthsNow() const;
  absl::Status EnterFlows();
  void RefreshFlows();

  const std::string name_;
  const AfXdpOptions options_;
  const HookChoice hook_;
  const std::unique_ptr<PortInterface> interface_;
  InterfaceFacts facts_;  // as of the last Configure or Start
  DeviceConfig config_;
  bool started_ = false;
  bool scattered_ = false;  // packets may have several frames, as of the last Start

  InterfaceWatch watch_;
  std::vector<DeviceEvent> events_;
  int started_index_ = 0;  // the interface that the sockets are bound to
  // What was set here, for an interface that takes the place of this one.
  std::optional<std::size_t> mtu_;
  std::optional<MacAddress> mac_;
  std::unique_ptr<bpf::XdpProgram> program_;
  std::unique_ptr<FlowPort> flows_;
  std::vector<std::unique_ptr<QueuePair>> queues_;
  std::unique_ptr<TransmitEngines> engines_;  // refers to queues_
  mutable std::mutex statistics_lock_;        // ResetStats against those who read; queues count without it
  uint64_t passed_before_ = 0;                // of programs that are gone, since Configure
  uint64_t passed_at_start_ = 0;              // of a program that others have used before
  uint64_t passed_baseline_ = 0;
};

}  // namespace pollux::pmd::af_xdp

namespace pollux::pmd {
// The registry's entry (drivers.cc).
absl::StatusOr<std::unique_ptr<Device>> OpenAfXdpDevice(DeviceArguments arguments);
}  // namespace pollux::pmd

#endif  // PMD_AF_XDP_AF_XDP_DEVICE_H_
