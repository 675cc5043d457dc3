// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/af_xdp_device.h"

#include <net/ethernet.h>

#include <algorithm>
#include <bit>
#include <utility>

#include <absl/strings/str_cat.h>

#include "bpf/uapi.h"
#include "lcore/errno_status.h"
#include "mempool/node_memory.h"
#include "pmd/af_xdp/brokered_interface.h"
#include "pmd/af_xdp/local_interface.h"
#include "pmd/af_xdp/receive_room.h"

namespace pollux::pmd::af_xdp {
namespace {

constexpr std::size_t kVlanTagBytes = 4;
// A device lets packets of this MTU in, however small its own is.
constexpr std::size_t kStandardMtu = 1500;
constexpr std::size_t kLargestMtu = 65535;
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
  HookChoice hook{.tc = options->attach == AttachHook::kTc, .reason = {}};
  if (options->attach == AttachHook::kAutomatic) {
    hook = options->needs_xdp.empty() ? ChooseHook(options->interface)
                                      : HookChoice{.reason = absl::StrCat(options->needs_xdp, " is done at XDP of the interface")};
  }
  auto interface = hook.tc                   ? CompanionInterface::Open(options->interface)
                   : options->broker.empty() ? LocalInterface::Open(options->interface)
                                             : BrokeredInterface::Open(options->broker, options->interface);
  if (!interface.ok()) return lcore::Annotate(interface.status(), arguments.name());
  std::unique_ptr<AfXdpDevice> device(new AfXdpDevice(arguments.name(), *std::move(options), std::move(hook), *std::move(interface)));
  const auto restored = device->interface_->RestoreAbandoned();
  if (!restored.ok()) return lcore::Annotate(restored.status(), device->name_);
  device->Tell(DeviceEvent::Kind::kSettings, *restored);
  return device;
}

AfXdpDevice::AfXdpDevice(std::string name, AfXdpOptions options, HookChoice hook, std::unique_ptr<PortInterface> interface)
    : name_(std::move(name)), options_(std::move(options)), hook_(std::move(hook)), interface_(std::move(interface)), watch_(*interface_) {
  facts_ = interface_->Facts().value_or(InterfaceFacts{});
}

AfXdpDevice::~AfXdpDevice() {
  Stop().IgnoreError();
  RestoreSettings();
}

void AfXdpDevice::Tell(DeviceEvent::Kind kind, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) events_.push_back({.kind = kind, .text = line});
}

std::vector<DeviceEvent> AfXdpDevice::PollEvents() {
  for (DeviceEvent& event : watch_.Poll()) {
    React(event);
    events_.push_back(std::move(event));
  }
  if (started_) WatchQueues();
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
    case DeviceEvent::Kind::kFeatures:
      if (started_) engines_->PreferRing(watch_.waits_when_full());
      break;
    default:
      break;
  }
}

void AfXdpDevice::WatchQueues() {
  for (const auto& queue : queues_) {
    std::vector<Stall> before, after;
    queue->AppendStalls(before);
    if (!queue->Watch(watch_.link_up())) continue;
    queue->AppendStalls(after);
    for (const Stall& stall : after) {
      events_.push_back({.kind = DeviceEvent::Kind::kStalled,
                         .text = absl::StrCat(name_, ": ", DescribeStall(stall)),
                         .value = ReopeningMayHelp(stall.cause) ? uint64_t{1} : uint64_t{0}});
    }
    if (after.empty() && !before.empty()) {
      events_.push_back({.kind = DeviceEvent::Kind::kMoves, .text = absl::StrCat(name_, ": queue ", before.front().queue, " moves again")});
    }
  }
}

std::vector<Stall> AfXdpDevice::Stalls() const {
  std::vector<Stall> stalls;
  for (const auto& queue : queues_) queue->AppendStalls(stalls);
  return stalls;
}

// What the queues' owners are not in the way of: their sockets are Stop's.
void AfXdpDevice::LetGo() {
  if (flows_ != nullptr) flows_->Leave();
  if (program_ != nullptr) program_->Detach();
  interface_->SetPromiscuous(false).IgnoreError();  // of one that is gone: it ends with it
  const bool deleted = watch_.departure() == InterfaceNews::Departure::kDeleted;
  Tell(DeviceEvent::Kind::kSettings, interface_->RestoreSettings(deleted));
}

void AfXdpDevice::FollowMtu(std::size_t mtu, std::string& text) {
  const std::size_t longest = std::min(mtu, LargestMtu(scattered_));
  for (auto& queue : queues_) queue->SetMaximumLength(longest + ETH_HLEN + kVlanTagBytes);
  if (mtu > longest) {
    const bool restart = !scattered_ && MayScatter() && mtu <= LargestMtu(true);
    absl::StrAppend(&text, "; ", WhyTooLarge(mtu, scattered_), ": longer ones are lost; ",
                    restart ? "stop and start the port, which then takes packets of several frames" : "use larger frames");
    return;
  }
  absl::StrAppend(&text, "; packets up to that are sent");
  const bool zero_copy = queues_.front()->socket() != nullptr && queues_.front()->socket()->zero_copy();
  if (const std::string why = zero_copy ? WhyNoZeroCopy(mtu) : ""; !why.empty()) {
    absl::StrAppend(&text, "; while the port does zero-copy: ", why, "; stop and start the port");
  }
}

DeviceInfo AfXdpDevice::Info() const {
  const InterfaceFacts facts = interface_->Facts().value_or(InterfaceFacts{.name = interface_->name(), .driver = {}});
  DeviceInfo info;
  info.name = name_;
  info.driver = kAfXdpDriver;
  info.interface = facts.name;
  info.numa_node = facts.numa_node;
  info.mac = facts.mac;
  info.mtu = facts.mtu;
  info.maximum_rx_queues = AvailableQueues(facts).value_or(0);
  info.maximum_tx_queues = info.maximum_rx_queues > 0 ? kMaximumTxQueues : 0;
  info.interface_rx_queues = facts.queues;
  info.hardware_ring = facts.hardware_rx_ring;
  info.recommended_rx_ring = kDefaultRxRing;
  info.recommended_ring = kDefaultTxRing;
  const std::size_t hardware_frames = options_.copy_mode == CopyMode::kCopy ? 0 : info.hardware_ring;
  info.fill_frames = {.fewest = hardware_frames + FillLimits::kLargestStart, .most = std::bit_ceil(kDefaultRxRing + hardware_frames)};
  if (options_.copy_mode != CopyMode::kCopy &&
      ZeroCopyRoom(facts.driver, info.recommended_frame_size - mempool::kMinimumHeadroom) < LongestReceived(info.mtu)) {
    info.recommended_frame_size = kLargerFrame;
  }
  info.wants_visible_region = WantsVisibleRegion(facts);
  info.has_own_memory = interface_->has_own_memory();
  return info;
}

// A driver with zero-copy needs no other way to send, and is better off with huge pages.
bool AfXdpDevice::WantsVisibleRegion(const InterfaceFacts& facts) const {
  const bool zero_copy = (facts.features.xdp_actions & bpf::kXdpActionZeroCopy) != 0 && options_.copy_mode != CopyMode::kCopy;
  return options_.transmit != TransmitPolicy::kRing && !zero_copy;
}

absl::StatusOr<std::unique_ptr<mempool::Region>> AfXdpDevice::MakeRegion(const mempool::RegionOptions& options) {
  const auto facts = interface_->Facts();
  if (!facts.ok()) return lcore::Annotate(facts.status(), name_);
  auto region = interface_->MakeRegion(options, WantsVisibleRegion(*facts));
  if (!region.ok()) return lcore::Annotate(region.status(), name_);
  return region;
}

absl::StatusOr<uint32_t> AfXdpDevice::AvailableQueues(const InterfaceFacts& facts) const {
  if (options_.start_queue < facts.first_queue) {
    return absl::PermissionDeniedError(absl::StrCat(name_, ": start_queue=", options_.start_queue, ": the broker grants queues ",
                                                    facts.first_queue, " to ", facts.end_queue - 1, " of interface ", facts.name,
                                                    " (start_queue=", facts.first_queue, ")"));
  }
  const std::string offers =
      facts.end_queue < facts.queues ? absl::StrCat(", of which the broker grants those below ", facts.end_queue) : std::string();
  if (options_.start_queue >= facts.end_queue) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": start_queue=", options_.start_queue, ": interface ", facts.name, " has ",
                                                   facts.queues, " queue(s), numbered from 0", offers, " (ethtool -l ", facts.name, ")"));
  }
  const uint32_t left = facts.end_queue - options_.start_queue;
  if (options_.queue_count.value_or(left) > left) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": queue_count=", *options_.queue_count, " from start_queue=", options_.start_queue, ": interface ", facts.name,
                     " has ", facts.queues, " queue(s)", offers, " (ethtool -L ", facts.name, " combined N makes more)"));
  }
  return options_.queue_count.value_or(left);
}

bool AfXdpDevice::MayScatter() const {
  return config_.scattered && options_.scatter != ScatterPolicy::kOff && options_.broker.empty() && !options_.program.dispatcher;
}

// What the frames of a packet hold behind their headroom, less the Ethernet header and one VLAN tag.
std::size_t AfXdpDevice::LargestMtu(bool scattered) const {
  const std::size_t frames = scattered ? mempool::kMostFramesOfPacket : 1;
  return std::min(frames * config_.pool->maximum_length() - ETH_HLEN - kVlanTagBytes, kLargestMtu);
}

std::string AfXdpDevice::WhyTooLarge(std::size_t mtu, bool scattered) const {
  const std::string frames = absl::StrCat(config_.pool->frame_size(), " bytes with ", config_.pool->headroom(), " bytes of headroom");
  const std::size_t largest = LargestMtu(scattered);
  if (scattered) return absl::StrCat("a packet of ", mempool::kMostFramesOfPacket, " frames of ", frames, " has MTU ", largest, " at most");
  return absl::StrCat("a frame of ", frames, " holds packets up to MTU ", largest);
}

// Empty: every packet of a network with this MTU fits into one frame of a zero-copy port.
std::string AfXdpDevice::WhyNoZeroCopy(std::size_t mtu) const {
  const std::string& driver = facts_.driver;
  if (scattered_) {
    if (facts_.features.known && facts_.features.zero_copy_segments > 1) return "";
    return absl::StrCat("driver ", driver, " has no packets of several frames in zero-copy, and with MTU ", mtu, " they arrive");
  }
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
  const auto facts = interface_->Facts();
  if (!facts.ok()) return lcore::Annotate(facts.status(), name_);
  const auto available = AvailableQueues(*facts);
  if (!available.ok()) return available.status();
  if (interface_->has_own_memory() && config.pool->region().map_descriptor() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": the pool's memory was not made by a broker (Device::MakeRegion, or in C ", "pollux_pool_create_for)"));
  }
  if (config.rx_queues + config.tx_queues == 0 || config.rx_queues > *available || config.tx_queues > kMaximumTxQueues) {
    return absl::InvalidArgumentError(absl::StrCat(
        name_, ": ", config.rx_queues, " rx and ", config.tx_queues, " tx queues were asked for, and interface ", facts->name,
        " offers up to ", *available, " rx queues (start_queue=, queue_count=, ethtool -L) and ", kMaximumTxQueues, " logical tx queues"));
  }
  if (options_.scatter == ScatterPolicy::kOn && !config.scattered) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": sg=on: this program does not take packets of several frames"));
  }
  const std::size_t pair_count = std::max<std::size_t>(config.rx_queues, std::min<std::size_t>(config.tx_queues, *available));
  config_ = config;
  facts_ = *facts;
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
                                     QueuePairOptions{.interface = facts_.name,
                                                      .queue = options_.start_queue + static_cast<uint32_t>(number),
                                                      .receives = number < config_.rx_queues,
                                                      .tx_queues = (config_.tx_queues + pair_count - 1 - number) / pair_count,
                                                      .tx_stride = pair_count,
                                                      .sizes = RingSizes(),
                                                      .fill_follows_load = config_.rx_ring == 0,
                                                      .hardware_frames = facts_.hardware_rx_ring,
                                                      .copy_mode = options_.copy_mode,
                                                      .need_wakeup = options_.need_wakeup,
                                                      .busy_polling = options_.busy_polling,
                                                      .completes_checksums = CompletesChecksums(options_, facts_.driver),
                                                      .flush_us = options_.flush_us,
                                                      .tx_metadata = options_.tx_metadata,
                                                      .why_no_tx_metadata = WhyNoTxMetadata(),
                                                      .xsk_features = facts_.features.xsk_features,
                                                      .sends_from_frames = facts_.driver == "virtio_net"},
                                     *interface_, config_.pool, XskCalls::Kernel());
}

// virtio-net takes packets from our frames even in copy mode, and there kernels have forgotten what was asked.
std::string AfXdpDevice::WhyNoTxMetadata() const {
  if (!options_.broker.empty()) return "the broker makes the socket, and asks for none";
  return facts_.driver == "virtio_net" ? "driver virtio_net does not do it" : "";
}

TxOffloads AfXdpDevice::tx_offloads() const {
  TxOffloads all{.checksum = started_, .timestamp = started_, .launch_time = started_};
  for (const auto& queue : queues_) {
    const TxOffloads offloads = queue->tx_offloads();
    all.checksum &= offloads.checksum;
    all.timestamp &= offloads.timestamp;
    all.launch_time &= offloads.launch_time;
  }
  return all;
}

XskRingSizes AfXdpDevice::RingSizes() const {
  XskRingSizes sizes;
  sizes.rx = static_cast<uint32_t>(config_.rx_ring ? config_.rx_ring : kDefaultRxRing);
  sizes.tx = sizes.completion = static_cast<uint32_t>(config_.tx_ring ? config_.tx_ring : kDefaultTxRing);
  // The driver may take as many frames as its own ring has places before the first packet shows up in ours.
  sizes.fill = std::bit_ceil(sizes.rx + facts_.hardware_rx_ring);
  return sizes;
}

absl::Status AfXdpDevice::CheckInterface(uint32_t queue_count) const {
  if (!facts_.up)
    return absl::FailedPreconditionError(absl::StrCat("interface ", facts_.name, " is down (ip link set ", facts_.name, " up)"));
  if (facts_.mtu > LargestMtu(MayScatter())) {
    return absl::FailedPreconditionError(absl::StrCat("interface ", facts_.name, " has MTU ", facts_.mtu, ", and ",
                                                      WhyTooLarge(facts_.mtu, MayScatter()), "; use larger frames, or ip link set ",
                                                      facts_.name, " mtu ", LargestMtu(MayScatter())));
  }
  const auto available = AvailableQueues(facts_);
  if (!available.ok()) return available.status();
  if (queue_count > *available)
    return absl::FailedPreconditionError(absl::StrCat("interface ", facts_.name, " has only ", *available, " queue(s) left"));
  return absl::OkStatus();
}

absl::Status AfXdpDevice::Start() {
  if (started_) return absl::FailedPreconditionError(absl::StrCat(name_, ": already started"));
  if (queues_.empty()) return absl::FailedPreconditionError(absl::StrCat(name_, ": configure the device before starting it"));
  const auto visit = interface_->Enter();
  if (!visit.ok()) return lcore::Annotate(visit.status(), name_);
  if (auto status = FollowInterface(); !status.ok()) return lcore::Annotate(status, name_);
  // Before the program is attached: a driver may add queues of its own for XDP, and those must not be bound.
  const auto facts = interface_->Facts();
  if (!facts.ok()) return lcore::Annotate(facts.status(), name_);
  facts_ = *facts;
  if (auto status = CheckInterface(static_cast<uint32_t>(queues_.size())); !status.ok()) return lcore::Annotate(status, name_);
  scattered_ = MayScatter() && (options_.scatter == ScatterPolicy::kOn || facts_.mtu > LargestMtu(false));
  bpf::ProgramOptions program_options = options_.program;
  program_options.vlan_tags = options_.rx_vlan && (facts_.features.rx_metadata & bpf::kRxMetadataVlanTag) != 0;
  program_options.rx_metadata = AskedRxMetadata() & static_cast<uint32_t>(facts_.features.rx_metadata);
  program_options.frags = scattered_;
  auto program = interface_->Attach(program_options);
  if (!program.ok()) return lcore::Annotate(program.status(), name_);
  if (scattered_ && (*program)->joined()) {
    return absl::FailedPreconditionError(absl::StrCat(
        name_, ": the program on ", facts_.name, " was attached by another process, and may not take packets of several frames (sg=off)"));
  }
  program_ = *std::move(program);
  passed_at_start_ = program_->passed_packets();
  started_index_ = facts_.index;
  absl::Status status;
  try {
    status = StartQueues();
    if (status.ok() && config_.promiscuous) status = SetPromiscuous(true);
    if (status.ok() && flows_ != nullptr) status = EnterFlows();
  } catch (...) {  // no memory
    StopQueues(facts_.index, 0);
    throw;
  }
  if (!status.ok()) {
    StopQueues(facts_.index, 0);
    return lcore::Annotate(status, name_);
  }
  started_ = true;
  // From here on changes are events; one in between is looked at now.
  watch_.Take();
  std::string nobody_reads;
  if (const auto now = interface_->Facts(); now.ok()) FollowMtu(now->mtu, nobody_reads);
  config_.pool->FlushThisThread();  // the control thread has no use for frames until the next time
  return absl::OkStatus();
}

// The interface of this port, or the one that took its place: that one gets what was set here.
absl::Status AfXdpDevice::FollowInterface() {
  const int former = interface_->index();
  if (auto status = interface_->Follow(); !status.ok()) return status;
  const bool another = interface_->index() != former || watch_.gone();
  if (another) RestoreSettings();
  if (!another) return absl::OkStatus();
  const auto restored = interface_->RestoreAbandoned();
  if (!restored.ok()) return restored.status();
  Tell(DeviceEvent::Kind::kSettings, *restored);
  if (mtu_) {
    if (auto status = interface_->SetMtu(*mtu_); !status.ok()) return status;
  }
  return mac_ ? interface_->SetMac(*mac_) : absl::OkStatus();
}

void AfXdpDevice::StopQueues(int interface_index, int patience_ms) {
  if (flows_ != nullptr) flows_->Leave();
  if (engines_ != nullptr) engines_->Stop(patience_ms);
  // The newest first: the first socket holds the memory registration of the others.
  for (auto queue = queues_.rbegin(); queue != queues_.rend(); ++queue) (*queue)->Stop(*program_, interface_index, patience_ms);
  passed_before_ = PassedPackets();
  program_.reset();
  interface_->SetPromiscuous(false).IgnoreError();  // of one that is gone: it ends with it
}

absl::Status AfXdpDevice::StartQueues() {
  const mempool::PreferNode near_frames(config_.pool->region().report().node);  // the kernel's rings
  if (options_.copy_mode == CopyMode::kZeroCopy && !program_->native()) {
    const std::string why = program_->fallback_reason();
    return absl::FailedPreconditionError(absl::StrCat("interface ", facts_.name,
                                                      ": bind_mode=zerocopy: the XDP program is attached generically, and that copies",
                                                      why.empty() ? "" : "; ", why));
  }
  const std::string why_copy = WhyNoZeroCopy(facts_.mtu);
  if (!why_copy.empty() && options_.copy_mode == CopyMode::kZeroCopy) {
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", facts_.name, ": bind_mode=zerocopy: ", why_copy, ", or bind_mode=copy"));
  }
  const XskSocket* first = nullptr;
  for (auto& queue : queues_) {
    const std::size_t maximum_length = facts_.mtu + ETH_HLEN + kVlanTagBytes;
    queue->SetRxMetadata(rx_metadata() != 0);
    if (auto status = queue->Start(first, *program_, maximum_length, why_copy, scattered_); !status.ok()) return status;
    if (first == nullptr) first = queue->socket();
  }
  std::vector<bool> zero_copy;
  for (const auto& queue : queues_) zero_copy.push_back(queue->socket()->zero_copy());
  // Some drivers take XDP frames, and say so, from when a program is attached (virtio-net).
  if (const auto attached = interface_->Facts(); attached.ok()) facts_.features = attached->features;
  engines_->Start(*interface_, facts_.features, zero_copy);
  engines_->PreferRing(facts_.waits_when_full);
  return absl::OkStatus();
}

absl::Status AfXdpDevice::Stop() {
  if (!started_) return absl::FailedPreconditionError(absl::StrCat(name_, ": is not started"));
  started_ = false;
  const auto visit = interface_->Enter();  // in vain: then what needs to be there is left out
  StopQueues(started_index_, watch_.gone() ? 0 : kDrainPatienceMs);
  config_.pool->FlushThisThread();
  return absl::OkStatus();
}

absl::Status AfXdpDevice::SetPromiscuous(bool on) {
  if (auto status = interface_->SetPromiscuous(on); !status.ok()) return status;
  config_.promiscuous = on;
  return absl::OkStatus();
}

void AfXdpDevice::RestoreSettings() {
  Tell(DeviceEvent::Kind::kSettings, interface_->RestoreSettings(/*deleted=*/false));
}

absl::Status AfXdpDevice::SetMtu(std::size_t mtu) {
  const bool scattered = started_ ? scattered_ : MayScatter();
  if (config_.pool != nullptr && mtu > LargestMtu(scattered)) {
    const bool restart = !scattered && MayScatter() && mtu <= LargestMtu(true);
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": MTU ", mtu, ": ", WhyTooLarge(mtu, scattered),
                     restart ? "; stop the port first, for packets of several frames" : "; use larger frames"));
  }
  const bool zero_copy = started_ && queues_.front()->socket()->zero_copy();
  if (const std::string why = zero_copy ? WhyNoZeroCopy(mtu) : ""; !why.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": MTU ", mtu, " while the port does zero-copy: ", why));
  }
  if (auto status = interface_->SetMtu(mtu); !status.ok()) return lcore::Annotate(status, name_);
  mtu_ = mtu;
  watch_.KnowMtu(mtu);
  for (auto& queue : queues_) queue->SetMaximumLength(mtu + ETH_HLEN + kVlanTagBytes);
  RefreshFlows();
  return absl::OkStatus();
}

absl::Status AfXdpDevice::SetMac(const MacAddress& mac) {
  if (mac.is_multicast()) return absl::InvalidArgumentError(absl::StrCat(name_, ": ", mac.ToString(), " is a multicast address"));
  if (auto status = interface_->SetMac(mac); !status.ok()) return lcore::Annotate(status, name_);
  mac_ = mac;
  return absl::OkStatus();
}

OutputLengths AfXdpDevice::OutputLengthsNow() const {
  const auto facts = interface_->Facts();
  if (!facts.ok()) return {};  // of one that is gone: it takes nothing
  return LengthsOf(facts->link, facts->output_features.value_or(facts->features), facts->mtu);
}

absl::Status AfXdpDevice::EnterFlows() {
  if (scattered_ && flows_->role() == FlowRole::kInputAndOutput) {
    return absl::FailedPreconditionError(absl::StrCat("flows look at packets of one frame, and ", facts_.name,
                                                      " may have longer ones (sg=off, and an MTU up to ", LargestMtu(false), ")"));
  }
  return flows_->Enter(*program_, started_index_, CompletesChecksums(options_, facts_.driver), OutputLengthsNow());
}

void AfXdpDevice::RefreshFlows() {
  if (started_ && flows_ != nullptr) flows_->Refresh(OutputLengthsNow()).IgnoreError();
}

absl::Status AfXdpDevice::UseFlows(std::shared_ptr<FlowTable> flows, uint32_t port, FlowRole role) {
  // Its index is another interface's here, or nobody's.
  if (!options_.broker.empty()) {
    return absl::UnimplementedError(
        absl::StrCat(name_, ": flows need an interface of this process's network namespace and a program of its own: without broker="));
  }
  if (started_ && watch_.gone()) return absl::FailedPreconditionError(absl::StrCat(name_, ": the interface is gone"));
  if (flows_ != nullptr && started_ && flows_->role() == FlowRole::kInputAndOutput) {
    if (auto status = program_->UseFlows({}); !status.ok()) return lcore::Annotate(status, name_);
  }
  flows_.reset();
  if (flows == nullptr) return absl::OkStatus();
  flows_ = std::make_unique<FlowPort>(std::move(flows), port, role);
  if (!started_) return absl::OkStatus();
  const auto visit = interface_->Enter();
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
