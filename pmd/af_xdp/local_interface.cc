// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/local_interface.h"

#include <utility>

#include "bpf/injector.h"
#include "lcore/device_node.h"
#include "pmd/visible_region.h"

namespace pollux::pmd::af_xdp {

bool SendsHaveTheirOwnNapi(std::optional<uint32_t> rx_napi, std::optional<uint32_t> tx_napi) {
  return (rx_napi.has_value() || tx_napi.has_value()) && rx_napi != tx_napi;
}

std::string StopStallingBusyPolling(XskSocket& socket, int interface_index) {
  if (!socket.zero_copy() || !SendsHaveTheirOwnNapi(bpf::QueueNapiId(interface_index, socket.queue(), bpf::QueueDirection::kRx),
                                                    bpf::QueueNapiId(interface_index, socket.queue(), bpf::QueueDirection::kTx))) {
    return "";
  }
  socket.StopBusyPolling();
  return "sends have a NAPI instance of their own here, and busy polling would stall them in zero-copy mode";
}

absl::StatusOr<std::unique_ptr<PortInterface>> LocalInterface::Open(const std::string& name) {
  auto netdev = Netdev::Open(name);
  if (!netdev.ok()) return netdev.status();
  auto monitor = InterfaceMonitor::Of(**netdev);
  if (!monitor.ok()) return monitor.status();
  return std::unique_ptr<PortInterface>(new LocalInterface(*std::move(netdev), *std::move(monitor)));
}

absl::StatusOr<InterfaceFacts> LocalInterface::Facts() const {
  const auto identity = netdev_->Identity();
  const auto up = netdev_->IsUp();
  const auto link = netdev_->Link();
  const auto mtu = netdev_->Mtu();
  const auto mac = netdev_->Mac();
  const auto queues = netdev_->QueueCount();
  for (const absl::Status& status : {identity.status(), up.status(), link.status(), mtu.status(), mac.status(), queues.status()}) {
    if (!status.ok()) return status;
  }
  InterfaceFacts facts{.index = identity->index,
                       .creation = identity->creation,
                       .name = netdev_->name(),
                       .driver = netdev_->DriverName(),
                       .mac = *mac,
                       .mtu = *mtu,
                       .up = *up,
                       .link = *link,
                       .queues = *queues,
                       .end_queue = *queues,
                       .hardware_rx_ring = netdev_->HardwareRxRing()};
  const std::string qdisc = facts.driver == "veth" ? netdev_->Qdisc() : "";
  facts.waits_when_full = !qdisc.empty() && qdisc != "noqueue" && qdisc != "noop";
  if (const auto node = lcore::DeviceNumaNode(facts.name)) facts.numa_node = static_cast<int>(*node);
  const auto visit = netdev_->EnterNamespace();
  if (visit.ok()) facts.features = bpf::ProbeDevice(facts.index).value_or(bpf::DeviceFeatures{});
  return facts;
}

absl::Status LocalInterface::SetPromiscuous(bool on) {
  if (!on) promiscuous_.reset();
  if (!on || promiscuous_ != nullptr) return absl::OkStatus();
  const auto visit = netdev_->EnterNamespace();
  if (!visit.ok()) return visit.status();
  const auto index = netdev_->Index();
  if (!index.ok()) return index.status();
  auto membership = PromiscuousMembership::Join(netdev_->name(), *index);
  if (!membership.ok()) return membership.status();
  promiscuous_ = *std::move(membership);
  return absl::OkStatus();
}

absl::StatusOr<SavedSettings*> LocalInterface::Settings() {
  if (settings_ == nullptr) {
    auto settings = SavedSettings::Of(*netdev_);
    if (!settings.ok()) return settings.status();
    settings_ = *std::move(settings);
  }
  return settings_.get();
}

absl::Status LocalInterface::SetMtu(std::size_t mtu) {
  const auto settings = Settings();
  return settings.ok() ? (*settings)->SetMtu(mtu) : settings.status();
}

absl::Status LocalInterface::SetMac(const MacAddress& mac) {
  const auto settings = Settings();
  return settings.ok() ? (*settings)->SetMac(mac) : settings.status();
}

std::vector<std::string> LocalInterface::RestoreSettings(bool deleted) {
  std::vector<std::string> told;
  if (settings_ == nullptr) return told;
  if (deleted) settings_->Forget();
  if (settings_.use_count() == 1) told = settings_->Restore();
  settings_.reset();
  return told;
}

absl::StatusOr<std::vector<std::string>> LocalInterface::RestoreAbandoned() {
  const auto settings = Settings();
  if (!settings.ok()) return settings.status();
  return (*settings)->RestoreAbandoned();
}

absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> LocalInterface::Attach(const bpf::ProgramOptions& options) {
  return bpf::XdpProgram::Attach(netdev_->name(), options);
}

absl::StatusOr<MadeSocket> LocalInterface::MakeSocket(const SocketOrder& order) {
  UmemLayout memory = UmemLayout::Of(*order.pool);
  memory.tx_metadata_bytes = order.tx_metadata_bytes;
  memory.software_checksum = order.software_checksum;
  auto socket = XskSocket::Create(netdev_->name(), order.queue, memory, order.sizes, order.first);
  if (!socket.ok()) return socket.status();
  MadeSocket made{.socket = *std::move(socket), .busy_polling_refused = {}};
  if (order.busy_polling.budget > 0) {
    const absl::Status status = made.socket->SetBusyPolling(order.busy_polling);
    if (!status.ok()) made.busy_polling_refused = std::string(status.message());
  }
  made.sends_whole_ring = made.socket->RaiseSendLimits(order.sizes.tx);
  return made;
}

absl::Status LocalInterface::BindSocket(const SocketOrder& order, MadeSocket& made) {
  if (order.scattered) made.socket->TakeScattered();
  if (auto status = made.socket->Bind(index(), order.mode, order.need_wakeup, order.others); !status.ok()) return status;
  if (order.busy_polling.budget == 0) return absl::OkStatus();
  if (std::string why = StopStallingBusyPolling(*made.socket, index()); !why.empty()) made.busy_polling_refused = std::move(why);
  return absl::OkStatus();
}

bool LocalInterface::AwaitRelease(int interface_index, uint32_t queue, int timeout_ms) {
  return WaitForRelease(interface_index, queue, timeout_ms);
}

absl::StatusOr<std::unique_ptr<bpf::Injection>> LocalInterface::OpenInjection(const mempool::Region& memory) {
  bpf::InjectRegion region;
  if (memory.map_descriptor() >= 0) region = {.base = memory.base(), .bytes = memory.size(), .map = memory.map_descriptor()};
  auto injector = bpf::Injector::ForProcess(region);
  if (!injector.ok()) return injector.status();
  return bpf::Injection::Open(*std::move(injector), index(), region);
}

absl::StatusOr<std::unique_ptr<mempool::Region>> LocalInterface::MakeRegion(const mempool::RegionOptions& options, bool visible) {
  return visible ? CreateVisibleRegion(options) : mempool::Region::Create(options);
}

}  // namespace pollux::pmd::af_xdp
