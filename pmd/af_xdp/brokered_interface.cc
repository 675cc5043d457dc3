// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/brokered_interface.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "bpf/injector.h"
#include "bpf/rx_metadata_shared.h"
#include "bpf/visible_memory.h"
#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {
namespace {

using broker::Request;
using broker::Verb;
using Clock = std::chrono::steady_clock;

constexpr auto kFactsAge = std::chrono::milliseconds(50);
constexpr int kFactsPatienceMs = 1000;
// What is given back is given back by the next broker too, and at the latest with the connection: nobody need wait for long.
constexpr int kGiveBackPatienceMs = 2000;
constexpr int kPauseMs = 20;

Request Of(Verb verb, uint64_t value = 0) {
  Request request;
  request.verb = verb;
  request.value = value;
  return request;
}

absl::Status NoDescriptors(const std::string& path) {
  return absl::InternalError(absl::StrCat("pollux-broker at ", path, ": an answer without the descriptors that belong to it"));
}

// Injectors that brokers lent to this process, one for each broker and region: their blocks are handed out in one place.
struct LentInjectors {
  struct Lent {
    std::string broker;
    uint32_t region_map_id;
    std::weak_ptr<bpf::Injector> injector;
  };
  std::mutex lock;
  std::vector<Lent> all;

  static LentInjectors& OfProcess() {
    static auto* const injectors = new LentInjectors;
    return *injectors;
  }
};

}  // namespace

// The program that the broker has attached; it goes on for other clients, if there are any.
class BrokeredProgram final : public bpf::XdpProgram {
 public:
  BrokeredProgram(BrokeredInterface& interface, uint32_t flags, std::string fallback_reason, uint32_t id)
      : interface_(interface), flags_(flags), fallback_reason_(std::move(fallback_reason)), id_(id) {}
  ~BrokeredProgram() override { interface_.GiveBack(Of(Verb::kDetach)).status().IgnoreError(); }

  absl::Status AddSocket(uint32_t queue, int socket) override {
    Request request = Of(Verb::kReceive);
    request.queue = queue;
    return interface_.Ask(request).status();
  }
  absl::Status RemoveSocket(uint32_t queue) override {
    Request request = Of(Verb::kRelease);
    request.queue = queue;
    return interface_.GiveBack(request).status();
  }
  absl::Status UseFlows(const bpf::FlowHook&) override {
    return absl::UnimplementedError("flows need a program of this process: without broker=");
  }
  void Detach() override {}
  bool native() const override { return (flags_ & broker::kNative) != 0; }
  bool puts_vlan_tags() const override { return (flags_ & broker::kPutsVlanTags) != 0; }
  uint32_t rx_metadata() const override { return (flags_ & broker::kTellsAll) >> broker::kTellsShift; }
  std::string fallback_reason() const override { return fallback_reason_; }
  bool joined() const override { return false; }
  uint32_t program_id() const override { return id_; }
  uint64_t passed_packets() const override {
    const std::lock_guard lock(interface_.lock_);
    if (!interface_.connection_->IsSilent()) {
      const auto answer = interface_.connection_->Ask(Of(Verb::kPassed), {}, kFactsPatienceMs);
      if (answer.ok()) passed_ = answer->reply.value;
    }
    return passed_;
  }

 private:
  BrokeredInterface& interface_;
  const uint32_t flags_;  // as answered
  const std::string fallback_reason_;
  const uint32_t id_;
  mutable uint64_t passed_ = 0;
};

absl::StatusOr<std::unique_ptr<PortInterface>> BrokeredInterface::Open(const std::string& broker, const std::string& name) {
  auto connection = BrokerConnection::Open(broker, name);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<PortInterface>(new BrokeredInterface(broker, name, *std::move(connection)));
}

BrokeredInterface::BrokeredInterface(std::string broker, std::string name, std::unique_ptr<BrokerConnection> connection)
    : broker_(std::move(broker)), name_(std::move(name)), connection_(std::move(connection)) {
  Learn(connection_->info());
}

absl::StatusOr<BrokerAnswer> BrokeredInterface::Ask(const Request& request, std::span<const int> descriptors, int patience_ms) const {
  const std::lock_guard lock(lock_);
  return connection_->Ask(request, descriptors, patience_ms);
}

// Nobody waits for a broker that is known to be away.
absl::StatusOr<BrokerAnswer> BrokeredInterface::GiveBack(const Request& request) const {
  const std::lock_guard lock(lock_);
  return connection_->Ask(request, {}, connection_->IsSilent() ? 0 : kGiveBackPatienceMs);
}

void BrokeredInterface::Learn(const broker::PortInfo& info) const {
  looked_at_ = Clock::now();
  const uint32_t end = std::min(info.queues, info.first_queue + info.granted_queues);
  facts_ = {.index = info.interface_index,
            .name = std::string(info.name, strnlen(info.name, sizeof(info.name))),
            .driver = std::string(info.driver, strnlen(info.driver, sizeof(info.driver))),
            .mtu = info.mtu,
            .up = info.up != 0,
            .link = {.up = info.running != 0, .speed_mbps = info.speed_mbps, .full_duplex = info.full_duplex != 0},
            .queues = info.queues,
            .first_queue = info.first_queue,
            .end_queue = end,
            .hardware_rx_ring = info.hardware_rx_ring,
            .features = {.known = info.features_known != 0,
                         .xdp_actions = info.xdp_actions,
                         .zero_copy_segments = info.zero_copy_segments,
                         .rx_metadata = info.rx_metadata,
                         .xsk_features = info.xsk_features}};
  if (info.numa_node >= 0) facts_.numa_node = info.numa_node;
  std::memcpy(facts_.mac.bytes.data(), info.mac, sizeof(info.mac));
}

absl::StatusOr<InterfaceFacts> BrokeredInterface::FactsLocked() const {
  if (Clock::now() - looked_at_ < kFactsAge || connection_->IsSilent()) return facts_;
  const auto answer = connection_->Ask(Of(Verb::kInfo), {}, kFactsPatienceMs);
  if (answer.ok()) Learn(answer->reply.info);
  if (answer.ok() || absl::IsDeadlineExceeded(answer.status())) return facts_;
  return answer.status();
}

absl::StatusOr<InterfaceFacts> BrokeredInterface::Facts() const {
  const std::lock_guard lock(lock_);
  return FactsLocked();
}

int BrokeredInterface::index() const {
  const std::lock_guard lock(lock_);
  return facts_.index;
}

absl::StatusOr<LinkState> BrokeredInterface::Link() const {
  const auto facts = Facts();
  if (!facts.ok()) return facts.status();
  return facts->link;
}

absl::Status BrokeredInterface::Follow() {
  const std::lock_guard lock(lock_);
  if (connection_->ended()) {
    auto again = BrokerConnection::Open(broker_, name_);
    if (!again.ok()) return again.status();
    connection_ = *std::move(again);
    Learn(connection_->info());
  }
  return FactsLocked().status();
}

InterfaceNews BrokeredInterface::News() {
  const std::lock_guard lock(lock_);
  const bool looks = Clock::now() - looked_at_ >= kFactsAge && !connection_->IsSilent();
  const absl::Status status = FactsLocked().status();
  InterfaceNews news{.changed = looks || !status.ok()};
  if (connection_->ended()) news.departure = InterfaceNews::Departure::kOutOfReach;
  return news;
}

absl::Status BrokeredInterface::SetPromiscuous(bool on) {
  return on ? Ask(Of(Verb::kPromiscuous, 1)).status() : GiveBack(Of(Verb::kPromiscuous)).status();
}

absl::Status BrokeredInterface::SetMtu(std::size_t mtu) {
  const std::lock_guard lock(lock_);
  looked_at_ = {};
  return connection_->Ask(Of(Verb::kMtu, mtu)).status();
}

absl::Status BrokeredInterface::SetMac(const MacAddress& mac) {
  Request request = Of(Verb::kMac);
  std::memcpy(request.mac, mac.bytes.data(), sizeof(request.mac));
  const std::lock_guard lock(lock_);
  looked_at_ = {};
  return connection_->Ask(request).status();
}

std::vector<std::string> BrokeredInterface::RestoreSettings(bool deleted) {
  const auto answer = GiveBack(Of(Verb::kRestore, deleted ? 1 : 0));  // at the latest it is done at the connection's end
  if (!answer.ok() || answer->reply.text[0] == '\0') return {};
  return absl::StrSplit(answer->reply.text, '\n');
}

absl::StatusOr<std::unique_ptr<bpf::XdpProgram>> BrokeredInterface::Attach(const bpf::ProgramOptions& options) {
  for (const bpf::SteerRule& rule : options.steer) {
    Request request = Of(Verb::kSteer);
    if (rule.text.size() >= sizeof(request.text)) {
      return absl::InvalidArgumentError(absl::StrCat("steer=", rule.text, ": a rule has at most ", sizeof(request.text) - 1, " bytes"));
    }
    std::memcpy(request.text, rule.text.c_str(), rule.text.size());
    if (auto status = Ask(request).status(); !status.ok()) return status;
  }
  Request request = Of(Verb::kAttach);
  if (options.mode == bpf::AttachMode::kNative) request.flags = broker::kNative;
  if (options.mode == bpf::AttachMode::kGeneric) request.flags = broker::kGeneric;
  static_assert(broker::kTellsTimestamp == RX_METADATA_TIMESTAMP << broker::kTellsShift &&
                broker::kTellsHash == RX_METADATA_HASH << broker::kTellsShift &&
                broker::kTellsVlanTag == RX_METADATA_VLAN_TAG << broker::kTellsShift);
  request.flags |= options.rx_metadata << broker::kTellsShift;
  const auto answer = Ask(request);
  if (!answer.ok()) return answer.status();
  {
    const std::lock_guard lock(lock_);
    looked_at_ = {};  // the driver's features may be others now
  }
  return std::unique_ptr<bpf::XdpProgram>(
      std::make_unique<BrokeredProgram>(*this, answer->reply.flags, answer->reply.text, static_cast<uint32_t>(answer->reply.value)));
}

absl::StatusOr<MadeSocket> BrokeredInterface::MakeSocket(const SocketOrder& order) {
  const int memory = order.pool->region().map_descriptor();
  if (memory < 0) return absl::InvalidArgumentError(absl::StrCat(name_, ": the pool's memory was not made by a broker"));
  const UmemLayout layout = UmemLayout::Of(*order.pool);
  Request request = Of(Verb::kSocket, layout.bytes);
  request.queue = order.queue;
  request.rx_ring = order.sizes.rx;
  request.tx_ring = order.sizes.tx;
  request.fill_ring = order.sizes.fill;
  request.completion_ring = order.sizes.completion;
  request.frame_size = layout.frame_size;
  request.headroom = layout.headroom;
  request.busy_budget = order.busy_polling.budget;
  request.busy_timeout_us = order.busy_polling.timeout_us;
  if (order.mode == CopyMode::kCopy) request.flags |= broker::kCopy;
  if (order.mode == CopyMode::kZeroCopy) request.flags |= broker::kZeroCopy;
  if (order.need_wakeup) request.flags |= broker::kNeedWakeup;
  // A socket that was just closed leaves its queue only a moment later; it is this process that waits, not the broker.
  auto answer = Ask(request, {&memory, 1});
  for (int waited_ms = 0; waited_ms < XskSocket::BindPatienceMs(order.others) && absl::IsAborted(answer.status()); waited_ms += kPauseMs) {
    poll(nullptr, 0, kPauseMs);
    answer = Ask(request, {&memory, 1});
  }
  if (!answer.ok()) return answer.status();
  if (answer->descriptors.empty()) return NoDescriptors(broker_);
  const bool zero_copy = (answer->reply.flags & broker::kZeroCopy) != 0;
  const int descriptor = answer->descriptors.front().Release();
  auto socket = XskSocket::Adopt(name_, order.queue, descriptor, order.sizes, zero_copy);
  if (!socket.ok()) return socket.status();
  return MadeSocket{.socket = *std::move(socket),
                    .sends_whole_ring = (answer->reply.flags & broker::kSendsWholeRing) != 0,
                    .busy_polling_refused = answer->reply.text};
}

bool BrokeredInterface::AwaitRelease(int interface_index, uint32_t queue, int timeout_ms) {
  Request request = Of(Verb::kRelease, 1);
  request.queue = queue;
  for (int waited_ms = 0; waited_ms < timeout_ms; waited_ms += kPauseMs) {
    const auto answer = GiveBack(request);
    if (answer.ok() && answer->reply.value == 1) return true;
    if (!answer.ok() && !absl::IsAborted(answer.status())) return false;
    poll(nullptr, 0, kPauseMs);
  }
  return false;
}

absl::StatusOr<std::unique_ptr<bpf::Injection>> BrokeredInterface::OpenInjection(const mempool::Region& memory) {
  if (memory.map_descriptor() < 0) return absl::InvalidArgumentError("frames that a broker's injector can read are made by the broker");
  const auto identity = bpf::IdentifyMap(memory.map_descriptor());
  if (!identity.ok()) return identity.status();
  LentInjectors& lent = LentInjectors::OfProcess();
  const std::lock_guard lock(lent.lock);
  std::erase_if(lent.all, [](const auto& entry) { return entry.injector.expired(); });
  std::shared_ptr<bpf::Injector> injector;
  for (const auto& entry : lent.all) {
    if (entry.broker == broker_ && entry.region_map_id == identity->id) injector = entry.injector.lock();
  }
  std::vector<int> descriptors = {memory.map_descriptor()};
  if (injector != nullptr) descriptors.push_back(injector->descriptors().front());
  auto answer = Ask(Of(Verb::kInjector), descriptors);
  if (!answer.ok()) return answer.status();
  if (!answer->descriptors.empty()) {
    auto made = bpf::Injector::FromDescriptors(std::move(answer->descriptors));
    if (!made.ok()) return made.status();
    injector = *std::move(made);
    std::erase_if(lent.all, [&](const auto& entry) { return entry.broker == broker_ && entry.region_map_id == identity->id; });
    lent.all.push_back({broker_, identity->id, injector});
  }
  if (injector == nullptr) return NoDescriptors(broker_);
  return bpf::Injection::Join(std::move(injector), static_cast<uint32_t>(answer->reply.value),
                              {.base = memory.base(), .bytes = memory.size(), .map = memory.map_descriptor()});
}

absl::StatusOr<std::unique_ptr<mempool::Region>> BrokeredInterface::MakeRegion(const mempool::RegionOptions& options, bool visible) {
  mempool::RegionReport report{.asked_pages = options.pages, .pages = mempool::PageKind::kOrdinary, .asked_node = options.numa_node};
  if (options.pages == mempool::PageKind::kHuge2M || options.pages == mempool::PageKind::kHuge1G) {
    report.fallback = "memory that a broker makes has ordinary pages";
    if (options.require_pages) return absl::ResourceExhaustedError(report.fallback);
  }
  Request request = Of(Verb::kMemory, options.bytes);
  request.node = options.numa_node;
  auto answer = Ask(request);
  if (!answer.ok()) return answer.status();
  if (answer->descriptors.empty()) return NoDescriptors(broker_);
  auto memory = bpf::VisibleMemory::FromDescriptor(std::move(answer->descriptors.front()));
  if (!memory.ok()) return memory.status();
  auto held = std::make_shared<bpf::VisibleMemory>(std::move(*memory));
  auto region = mempool::Region::Adopt(held->base(), options.bytes, held->map(), report, [held]() mutable { held.reset(); });
  if (options.require_node && options.numa_node != mempool::kAnyNode && region->report().pages_on_node != region->report().pages_total) {
    return absl::ResourceExhaustedError(absl::StrCat("pollux-broker at ", broker_, " had no memory on NUMA node ", options.numa_node));
  }
  return region;
}

void BrokeredInterface::AppendFeatures(std::vector<FeatureState>& features) const {
  const std::lock_guard lock(lock_);
  const bool there = !connection_->ended() && !connection_->IsSilent();
  features.push_back({.feature = kFeatureBroker,
                      .asked = broker_,
                      .got = there ? "connected" : "away",
                      .present = there,
                      .reason = there ? "" : "traffic goes on; settings, statistics of the rules and a new start wait for the broker"});
}

}  // namespace pollux::pmd::af_xdp
