// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/af_xdp_device.h"

#include <net/ethernet.h>

#include <algorithm>
#include <bit>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/uapi.h"
#include "lcore/device_node.h"
#include "lcore/errno_status.h"
#include "mempool/node_memory.h"
#include "pmd/af_xdp/receive_room.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr std::size_t kVlanTagBytes = 4;
// A device lets packets of this MTU in, however small its own is.
constexpr std::size_t kStandardMtu = 1500;
constexpr std::size_t kLargerFrame = 4096;

// The longest packet that may arrive: headers, and one VLAN tag.
std::size_t LongestReceived(std::size_t mtu) {
  return std::max(mtu, kStandardMtu) + ETH_HLEN + kVlanTagBytes;
}

constexpr std::size_t kSmallestRing = 64;
constexpr std::size_t kLargestRing = 32768;
constexpr std::size_t kDefaultRxRing = 8192;  // 2 ms of 4 million packets a second; without packets no more than memory for descriptors
constexpr std::size_t kDefaultTxRing = 2048;
constexpr int kDrainPatienceMs = 200;
constexpr std::size_t kMaximumTxQueues = XskTxRing::kMaximumOwners;  // they may all share one socket

absl::Status CheckRing(const char* name, std::size_t size) {
  if (size == 0 || (std::has_single_bit(size) && size >= kSmallestRing && size <= kLargestRing)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, "=", size, ": a power of two from ", kSmallestRing, " to ", kLargestRing, " is needed"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> AfXdpDevice::Open(DeviceArguments arguments) {
  auto options = ParseAfXdpOptions(arguments);
  if (!options.ok()) return options.status();
  auto netdev = Netdev::Open(options->interface);
  if (!netdev.ok()) return lcore::Annotate(netdev.status(), arguments.name());
  std::unique_ptr<AfXdpDevice> device(new AfXdpDevice(arguments.name(), *std::move(options), *std::move(netdev)));
  auto watch = InterfaceWatch::Create(*device->netdev_);
  if (!watch.ok()) return lcore::Annotate(watch.status(), device->name_);
  device->watch_ = *std::move(watch);
  const auto settings = device->Settings();
  if (!settings.ok()) return settings.status();
  device->Tell(DeviceEvent::Kind::kSettings, (*settings)->RestoreAbandoned());
  return device;
}

AfXdpDevice::AfXdpDevice(std::string name, AfXdpOptions options, std::unique_ptr<Netdev> netdev)
    : name_(std::move(name)), options_(std::move(options)), netdev_(std::move(netdev)) {}

AfXdpDevice::~AfXdpDevice() {
  Stop().IgnoreError();
  RestoreSettings();
}

void AfXdpDevice::Tell(DeviceEvent::Kind kind, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) events_.push_back({.kind = kind, .text = line});
}

std::vector<DeviceEvent> AfXdpDevice::PollEvents() {
  for (DeviceEvent& event : watch_->Poll()) {
    React(event);
    events_.push_back(std::move(event));
  }
  return std::exchange(events_, {});
}

void AfXdpDevice::React(DeviceEvent& event) {
  RefreshFlows();
  switch (event.kind) {
    case DeviceEvent::Kind::kGone:
      LetGo();
      break;
    case DeviceEvent::Kind::kMtu:
      if (started_) FollowMtu(event.value, event.text);
      break;
    case DeviceEvent::Kind::kQueues:
      absl::StrAppend(&event.text, "; this port has ", config_.rx_queues,
                      " rx queue(s), and what comes in on others stays with the kernel");
      break;
    default:
      break;
  }
}

// What the queues' owners are not in the way of: their sockets are Stop's.
void AfXdpDevice::LetGo() {
  if (flows_ != nullptr) flows_->Leave();
  if (program_ != nullptr) program_->Detach();
  promiscuous_.reset();
  if (settings_ == nullptr) return;
  if (watch_->departure() == InterfaceNews::Departure::kDeleted) settings_->Forget();
  RestoreSettings();
}

void AfXdpDevice::FollowMtu(std::size_t mtu, std::string& text) {
  const std::size_t longest = std::min(mtu, LargestMtu());
  for (auto& queue : queues_) queue->SetMaximumLength(longest + ETH_HLEN + kVlanTagBytes);
  if (mtu > longest) {
    absl::StrAppend(&text, "; a frame of ", config_.pool->frame_size(), " bytes with ", config_.pool->headroom(),
                    " bytes of headroom holds packets up to MTU ", longest, ": longer ones are lost; use larger frames");
    return;
  }
  absl::StrAppend(&text, "; packets up to that are sent");
  const bool zero_copy = queues_.front()->socket() != nullptr && queues_.front()->socket()->zero_copy();
  if (const std::string why = zero_copy ? WhyNoZeroCopy(mtu) : ""; !why.empty()) {
    absl::StrAppend(&text, "; while the port does zero-copy: ", why, "; stop and start the port");
  }
}

DeviceInfo AfXdpDevice::Info() const {
  DeviceInfo info;
  info.name = name_;
  info.driver = kAfXdpDriver;
  info.interface = netdev_->name();
  if (const auto node = lcore::DeviceNumaNode(netdev_->name())) info.numa_node = static_cast<int>(*node);
  info.mac = netdev_->Mac().value_or(MacAddress{});
  info.mtu = netdev_->Mtu().value_or(0);
  info.maximum_rx_queues = AvailableQueues().value_or(0);
  info.maximum_tx_queues = info.maximum_rx_queues > 0 ? kMaximumTxQueues : 0;
  info.interface_rx_queues = netdev_->QueueCount().value_or(0);
  info.hardware_ring = netdev_->HardwareRxRing();
  info.recommended_rx_ring = kDefaultRxRing;
  info.recommended_ring = kDefaultTxRing;
  const std::size_t hardware_frames = options_.copy_mode == CopyMode::kCopy ? 0 : info.hardware_ring;
  info.fill_frames = {.fewest = hardware_frames + FillLimits::kLargestStart, .most = std::bit_ceil(kDefaultRxRing + hardware_frames)};
  if (options_.copy_mode != CopyMode::kCopy &&
      ZeroCopyRoom(netdev_->DriverName(), info.recommended_frame_size - mempool::kMinimumHeadroom) < LongestReceived(info.mtu)) {
    info.recommended_frame_size = kLargerFrame;
  }
  // A driver with zero-copy needs no other way to send, and is better off with huge pages.
  const auto visit = netdev_->EnterNamespace();
  const auto driver = bpf::ProbeDevice(netdev_->index());
  const bool zero_copy = driver.ok() && (driver->xdp_actions & bpf::kXdpActionZeroCopy) != 0 && options_.copy_mode != CopyMode::kCopy;
  info.wants_visible_region = options_.transmit != TransmitPolicy::kRing && !zero_copy;
  return info;
}

absl::StatusOr<uint32_t> AfXdpDevice::AvailableQueues() const {
  const auto channels = netdev_->QueueCount();
  if (!channels.ok()) return channels.status();
  if (options_.start_queue >= *channels) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": start_queue=", options_.start_queue, ": interface ", netdev_->name(), " has ",
                                                   *channels, " queue(s), numbered from 0 (ethtool -l ", netdev_->name(), ")"));
  }
  const uint32_t left = *channels - options_.start_queue;
  if (options_.queue_count.value_or(left) > left) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": queue_count=", *options_.queue_count,
                                                   " from start_queue=", options_.start_queue, ": interface ", netdev_->name(), " has ",
                                                   *channels, " queue(s) (ethtool -L ", netdev_->name(), " combined N makes more)"));
  }
  return options_.queue_count.value_or(left);
}

std::size_t AfXdpDevice::LargestMtu() const {
  // What a frame holds behind the headroom, less the Ethernet header and one VLAN tag.
  return config_.pool->maximum_length() - ETH_HLEN - kVlanTagBytes;
}

// Empty: every packet of a network with this MTU fits into one frame of a zero-copy port.
std::string AfXdpDevice::WhyNoZeroCopy(std::size_t mtu) const {
  const std::string driver = netdev_->DriverName();
  const std::size_t room = ZeroCopyRoom(driver, config_.pool->maximum_length());
  const std::size_t longest = LongestReceived(mtu);
  if (room >= longest) return "";
  const std::string larger =
      config_.pool->frame_size() < kLargerFrame ? absl::StrCat("; use frames of ", kLargerFrame, " bytes (testpmd: --mbuf-size=4096)") : "";
  return absl::StrCat("driver ", driver, " puts ", room, " bytes of a packet into a frame of ", config_.pool->frame_size(), " bytes with ",
                      config_.pool->headroom(), " bytes of headroom, and with MTU ", mtu, " packets of ", longest,
                      " bytes arrive, each as two or more", larger);
}

absl::Status AfXdpDevice::Configure(const DeviceConfig& config) {
  if (started_) return absl::FailedPreconditionError(absl::StrCat(name_, ": stop the device before configuring it"));
  if (config.pool == nullptr) return absl::InvalidArgumentError(absl::StrCat(name_, ": no pool was given to receive into"));
  for (const absl::Status& status : {CheckRing("rx_ring", config.rx_ring), CheckRing("tx_ring", config.tx_ring)}) {
    if (!status.ok()) return lcore::Annotate(status, name_);
  }
  const auto available = AvailableQueues();
  if (!available.ok()) return available.status();
  if (config.rx_queues + config.tx_queues == 0 || config.rx_queues > *available || config.tx_queues > kMaximumTxQueues) {
    return absl::InvalidArgumentError(absl::StrCat(
        name_, ": ", config.rx_queues, " rx and ", config.tx_queues, " tx queues were asked for, and interface ", netdev_->name(),
        " offers up to ", *available, " rx queues (start_queue=, queue_count=, ethtool -L) and ", kMaximumTxQueues, " logical tx queues"));
  }
  const std::size_t pair_count = std::max<std::size_t>(config.rx_queues, std::min<std::size_t>(config.tx_queues, *available));
  config_ = config;
  const mempool::PreferNode near_frames(config.pool->region().report().node);
  passed_before_ = passed_baseline_ = 0;
  engines_.reset();
  queues_.clear();
  for (std::size_t number = 0; number < pair_count; ++number) queues_.push_back(MakePair(number, pair_count));
  // Logical tx queues go round the sockets.
  std::vector<RingEnd> rings;
  for (std::size_t number = 0; number < config.tx_queues; ++number) rings.push_back(queues_[number % pair_count]->tx(number / pair_count));
  engines_ = std::make_unique<TransmitEngines>(options_.transmit, options_.flush_us, config_.pool, std::move(rings));
  return absl::OkStatus();
}

// Logical tx queue i is one of pair i % pair_count.
std::unique_ptr<QueuePair> AfXdpDevice::MakePair(std::size_t number, std::size_t pair_count) const {
  return std::make_unique<QueuePair>(number,
                                     QueuePairOptions{.interface = netdev_->name(),
                                                      .queue = options_.start_queue + static_cast<uint32_t>(number),
                                                      .receives = number < config_.rx_queues,
                                                      .tx_queues = (config_.tx_queues + pair_count - 1 - number) / pair_count,
                                                      .tx_stride = pair_count,
                                                      .sizes = RingSizes(),
                                                      .fill_follows_load = config_.rx_ring == 0,
                                                      .hardware_frames = netdev_->HardwareRxRing(),
                                                      .copy_mode = options_.copy_mode,
                                                      .need_wakeup = options_.need_wakeup,
                                                      .busy_polling = options_.busy_polling,
                                                      .completes_checksums = CompletesChecksums(options_, netdev_->DriverName()),
                                                      .flush_us = options_.flush_us,
                                                      .sends_from_frames = netdev_->DriverName() == "virtio_net"},
                                     config_.pool, XskCalls::Kernel());
}

XskRingSizes AfXdpDevice::RingSizes() const {
  XskRingSizes sizes;
  sizes.rx = static_cast<uint32_t>(config_.rx_ring ? config_.rx_ring : kDefaultRxRing);
  sizes.tx = sizes.completion = static_cast<uint32_t>(config_.tx_ring ? config_.tx_ring : kDefaultTxRing);
  // The driver may take as many frames as its own ring has places before the first packet shows up in ours.
  sizes.fill = std::bit_ceil(sizes.rx + netdev_->HardwareRxRing());
  return sizes;
}

absl::Status AfXdpDevice::CheckInterface(uint32_t queue_count) const {
  const auto up = netdev_->IsUp();
  if (!up.ok()) return up.status();
  if (!*up)
    return absl::FailedPreconditionError(absl::StrCat("interface ", netdev_->name(), " is down (ip link set ", netdev_->name(), " up)"));
  const auto mtu = netdev_->Mtu();
  if (!mtu.ok()) return mtu.status();
  if (*mtu > LargestMtu()) {
    return absl::FailedPreconditionError(absl::StrCat("interface ", netdev_->name(), " has MTU ", *mtu, ", and a frame of ",
                                                      config_.pool->frame_size(), " bytes with ", config_.pool->headroom(),
                                                      " bytes of headroom holds packets up to MTU ", LargestMtu(),
                                                      "; use larger frames, or ip link set ", netdev_->name(), " mtu ", LargestMtu()));
  }
  const auto available = AvailableQueues();
  if (!available.ok()) return available.status();
  if (queue_count > *available)
    return absl::FailedPreconditionError(absl::StrCat("interface ", netdev_->name(), " has only ", *available, " queue(s) left"));
  return absl::OkStatus();
}

absl::Status AfXdpDevice::Start() {
  if (started_) return absl::FailedPreconditionError(absl::StrCat(name_, ": already started"));
  if (queues_.empty()) return absl::FailedPreconditionError(absl::StrCat(name_, ": configure the device before starting it"));
  const auto visit = netdev_->EnterNamespace();
  if (!visit.ok()) return lcore::Annotate(visit.status(), name_);
  if (auto status = FollowInterface(); !status.ok()) return lcore::Annotate(status, name_);
  // Before the program is attached: a driver may add queues of its own for XDP, and those must not be bound.
  if (auto status = CheckInterface(static_cast<uint32_t>(queues_.size())); !status.ok()) return lcore::Annotate(status, name_);
  const auto index = netdev_->Index();
  if (!index.ok()) return lcore::Annotate(index.status(), name_);
  driver_features_ = bpf::ProbeDevice(*index).value_or(bpf::DeviceFeatures{});
  auto program = bpf::XdpProgram::Attach(netdev_->name(), options_.program);
  if (!program.ok()) return lcore::Annotate(program.status(), name_);
  program_ = *std::move(program);
  passed_at_start_ = program_->passed_packets();
  absl::Status status = StartQueues(*index);
  if (status.ok() && config_.promiscuous) status = SetPromiscuous(true);
  started_index_ = *index;
  if (status.ok() && flows_ != nullptr) status = EnterFlows();
  if (!status.ok()) {
    StopQueues(*index, 0);
    return lcore::Annotate(status, name_);
  }
  started_ = true;
  // From here on changes are events; one in between is looked at now.
  watch_->Take();
  std::string nobody_reads;
  if (const auto mtu = netdev_->Mtu(); mtu.ok()) FollowMtu(*mtu, nobody_reads);
  config_.pool->FlushThisThread();  // the control thread has no use for frames until the next time
  return absl::OkStatus();
}

// The interface of this port, or the one that took its place: that one gets what was set here.
absl::Status AfXdpDevice::FollowInterface() {
  const int former = netdev_->index();
  if (auto status = netdev_->Follow(); !status.ok()) return status;
  const bool another = netdev_->index() != former || watch_->gone();
  if (another) RestoreSettings();
  const auto settings = Settings();
  if (!settings.ok()) return settings.status();
  if (!another) return absl::OkStatus();
  Tell(DeviceEvent::Kind::kSettings, (*settings)->RestoreAbandoned());
  if (mtu_) {
    if (auto status = (*settings)->SetMtu(*mtu_); !status.ok()) return status;
  }
  return mac_ ? (*settings)->SetMac(*mac_) : absl::OkStatus();
}

void AfXdpDevice::StopQueues(int interface_index, int patience_ms) {
  if (flows_ != nullptr) flows_->Leave();
  if (engines_ != nullptr) engines_->Stop(patience_ms);
  // The newest first: the first socket holds the memory registration of the others.
  for (auto queue = queues_.rbegin(); queue != queues_.rend(); ++queue) (*queue)->Stop(*program_, interface_index, patience_ms);
  passed_before_ = PassedPackets();
  program_.reset();
  promiscuous_.reset();
}

absl::Status AfXdpDevice::StartQueues(int interface_index) {
  const mempool::PreferNode near_frames(config_.pool->region().report().node);  // the kernel's rings
  const auto mtu = netdev_->Mtu();
  if (!mtu.ok()) return mtu.status();
  if (options_.copy_mode == CopyMode::kZeroCopy && !program_->native()) {
    const std::string why = program_->fallback_reason();
    return absl::FailedPreconditionError(absl::StrCat("interface ", netdev_->name(),
                                                      ": bind_mode=zerocopy: the XDP program is attached generically, and that copies",
                                                      why.empty() ? "" : "; ", why));
  }
  const std::string why_copy = WhyNoZeroCopy(*mtu);
  if (!why_copy.empty() && options_.copy_mode == CopyMode::kZeroCopy) {
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", netdev_->name(), ": bind_mode=zerocopy: ", why_copy, ", or bind_mode=copy"));
  }
  const XskSocket* first = nullptr;
  for (auto& queue : queues_) {
    const std::size_t maximum_length = *mtu + ETH_HLEN + kVlanTagBytes;
    if (auto status = queue->Start(interface_index, first, *program_, maximum_length, why_copy); !status.ok()) return status;
    if (first == nullptr) first = queue->socket();
  }
  std::vector<bool> zero_copy;
  for (const auto& queue : queues_) zero_copy.push_back(queue->socket()->zero_copy());
  engines_->Start(interface_index, driver_features_, zero_copy);
  return absl::OkStatus();
}

absl::Status AfXdpDevice::Stop() {
  if (!started_) return absl::FailedPreconditionError(absl::StrCat(name_, ": is not started"));
  started_ = false;
  const auto visit = netdev_->EnterNamespace();  // in vain: then what needs to be there is left out
  StopQueues(started_index_, watch_->gone() ? 0 : kDrainPatienceMs);
  config_.pool->FlushThisThread();
  return absl::OkStatus();
}

absl::Status AfXdpDevice::SetPromiscuous(bool on) {
  if (!on) {
    config_.promiscuous = false;
    promiscuous_.reset();
    return absl::OkStatus();
  }
  if (promiscuous_ != nullptr) return absl::OkStatus();
  const auto visit = netdev_->EnterNamespace();
  if (!visit.ok()) return visit.status();
  const auto index = netdev_->Index();
  if (!index.ok()) return index.status();
  auto membership = PromiscuousMembership::Join(netdev_->name(), *index);
  if (!membership.ok()) return membership.status();
  promiscuous_ = *std::move(membership);
  config_.promiscuous = true;
  return absl::OkStatus();
}

absl::StatusOr<SavedSettings*> AfXdpDevice::Settings() {
  if (settings_ == nullptr) {
    auto settings = SavedSettings::Of(*netdev_);
    if (!settings.ok()) return lcore::Annotate(settings.status(), name_);
    settings_ = *std::move(settings);
  }
  return settings_.get();
}

void AfXdpDevice::RestoreSettings() {
  if (settings_ != nullptr && settings_.use_count() == 1) Tell(DeviceEvent::Kind::kSettings, settings_->Restore());
  settings_.reset();
}

absl::Status AfXdpDevice::SetMtu(std::size_t mtu) {
  if (config_.pool != nullptr && mtu > LargestMtu()) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": MTU ", mtu, " is more than the ", LargestMtu(), " that a frame of ",
                                                   config_.pool->frame_size(), " bytes with ", config_.pool->headroom(),
                                                   " bytes of headroom holds; use larger frames"));
  }
  const bool zero_copy = started_ && queues_.front()->socket()->zero_copy();
  if (const std::string why = zero_copy ? WhyNoZeroCopy(mtu) : ""; !why.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": MTU ", mtu, " while the port does zero-copy: ", why));
  }
  const auto settings = Settings();
  if (!settings.ok()) return settings.status();
  if (auto status = (*settings)->SetMtu(mtu); !status.ok()) return lcore::Annotate(status, name_);
  mtu_ = mtu;
  watch_->KnowMtu(mtu);
  for (auto& queue : queues_) queue->SetMaximumLength(mtu + ETH_HLEN + kVlanTagBytes);
  RefreshFlows();
  return absl::OkStatus();
}

absl::Status AfXdpDevice::SetMac(const MacAddress& mac) {
  if (mac.is_multicast()) return absl::InvalidArgumentError(absl::StrCat(name_, ": ", mac.ToString(), " is a multicast address"));
  const auto settings = Settings();
  if (!settings.ok()) return settings.status();
  if (auto status = (*settings)->SetMac(mac); !status.ok()) return lcore::Annotate(status, name_);
  mac_ = mac;
  return absl::OkStatus();
}

std::size_t AfXdpDevice::RedirectLengthNow() const {
  const auto visit = netdev_->EnterNamespace();  // in vain: then the interface is gone, and takes nothing
  if (!visit.ok()) return 0;
  return RedirectLength(netdev_->Link().value_or(LinkState{}), bpf::ProbeDevice(started_index_).value_or(bpf::DeviceFeatures{}),
                        netdev_->Mtu().value_or(0));
}

absl::Status AfXdpDevice::EnterFlows() {
  return flows_->Enter(*program_, started_index_, CompletesChecksums(options_, netdev_->DriverName()), RedirectLengthNow());
}

void AfXdpDevice::RefreshFlows() {
  if (started_ && flows_ != nullptr) flows_->Refresh(RedirectLengthNow()).IgnoreError();
}

absl::Status AfXdpDevice::UseFlows(std::shared_ptr<FlowTable> flows, uint32_t port) {
  if (started_ && watch_->gone()) return absl::FailedPreconditionError(absl::StrCat(name_, ": the interface is gone"));
  if (flows_ != nullptr && started_) {
    if (auto status = program_->UseFlows({}); !status.ok()) return lcore::Annotate(status, name_);
  }
  flows_.reset();
  if (flows == nullptr) return absl::OkStatus();
  flows_ = std::make_unique<FlowPort>(std::move(flows), port);
  if (!started_) return absl::OkStatus();
  const auto visit = netdev_->EnterNamespace();
  absl::Status status = visit.status();
  if (status.ok()) status = EnterFlows();
  if (!status.ok()) flows_.reset();
  return lcore::Annotate(status, name_);
}

}  // namespace pollux::pmd::af_xdp

namespace pollux::pmd {

absl::StatusOr<std::unique_ptr<Device>> OpenAfXdpDevice(DeviceArguments arguments) {
  return af_xdp::AfXdpDevice::Open(std::move(arguments));
}

}  // namespace pollux::pmd
