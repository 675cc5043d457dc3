// SPDX-License-Identifier: Apache-2.0
#include "tools/broker/session.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "bpf/feature_probe.h"
#include "bpf/visible_memory.h"
#include "lcore/device_node.h"
#include "lcore/errno_status.h"
#include "pmd/af_xdp/local_interface.h"

namespace pollux::broker {
namespace {

namespace protocol = pmd::af_xdp::broker;
using bpf::UniqueFd;
using lcore::ErrnoStatus;
using pmd::af_xdp::Netdev;
using pmd::af_xdp::XskSocket;
using protocol::Reply;
using protocol::Request;
using protocol::Verb;

constexpr std::size_t kMostRules = 32;
constexpr std::size_t kMostMemories = 8;
constexpr uint32_t kLargestRing = 32768;
constexpr uint32_t kSmallestFrame = 2048, kLargestFrame = 4096;

template <std::size_t kSize>
void CopyText(absl::string_view text, char (&to)[kSize]) {
  const std::size_t length = std::min(text.size(), kSize - 1);
  std::memcpy(to, text.data(), length);
  std::memset(to + length, 0, kSize - length);
}

bool IsRing(uint32_t size) {
  return size != 0 && size <= kLargestRing && (size & (size - 1)) == 0;
}

int ErrnoOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return ENODEV;
    case absl::StatusCode::kPermissionDenied:
      return EPERM;
    case absl::StatusCode::kAlreadyExists:
      return EEXIST;
    case absl::StatusCode::kResourceExhausted:
      return ENOMEM;
    case absl::StatusCode::kUnimplemented:
      return EOPNOTSUPP;
    case absl::StatusCode::kAborted:
      return EAGAIN;
    case absl::StatusCode::kFailedPrecondition:
      return EBUSY;
    default:
      return EINVAL;
  }
}

}  // namespace

Session::Session(unsigned number, UniqueFd connection, Peer peer, Shared shared)
    : number_(number), connection_(std::move(connection)), peer_(std::move(peer)), shared_(shared) {}

Session::~Session() {
  Detach().IgnoreError();
  shared_.store.Drop(Stored("")).IgnoreError();
}

std::string Session::Stored(absl::string_view name) const {
  return absl::StrCat("session/", number_, "/", name);
}

std::string Session::Describe() const {
  return absl::StrCat(grant_ ? grant_->interface : "a connection", " of user ", peer_.user, " (pid ", peer_.pid, ")");
}

bool Session::receives() const {
  return std::any_of(sockets_.begin(), sockets_.end(), [](const auto& entry) { return entry.second.receives; });
}

bool Session::Serve() {
  Request request;
  auto received = pmd::af_xdp::ReceiveMessage(connection_.get(), std::as_writable_bytes(std::span(&request, 1)), MSG_DONTWAIT);
  if (received.error == EAGAIN) return true;
  if (received.error != 0 || received.bytes == 0) return false;
  if (received.broken || received.bytes != sizeof(request)) {
    ended_ = absl::StrCat("a request of ", received.bytes, " bytes, and ", sizeof(request), " are expected");
    return false;
  }
  Answer answer;
  absl::Status status;
  if (request.version != protocol::kVersion) {
    status = absl::UnimplementedError(
        absl::StrCat("version ", request.version, " of the protocol was asked for, and this broker speaks ", protocol::kVersion));
  } else {
    request.text[sizeof(request.text) - 1] = '\0';
    status = Handle(request, received.descriptors, &answer);
  }
  if (!status.ok()) {
    answer.reply.error = ErrnoOf(status);
    CopyText(status.message(), answer.reply.text);
    answer.descriptors.clear();
  }
  answer.reply.sequence = request.sequence;
  const int error =
      pmd::af_xdp::SendMessage(connection_.get(), std::as_bytes(std::span(&answer.reply, 1)), answer.descriptors, MSG_DONTWAIT);
  if (error != 0) ended_ = error == EAGAIN ? "it does not read its answers" : "its answer could not be sent";
  return error == 0;
}

absl::Status Session::Handle(const Request& request, std::vector<UniqueFd>& descriptors, Answer* answer) {
  if (request.verb == Verb::kOpen) {
    if (auto status = Open(request.text); !status.ok()) return status;
    return Tell(&answer->reply);
  }
  if (!grant_) return absl::FailedPreconditionError("the first request opens a port");
  switch (request.verb) {
    case Verb::kInfo:
      return Tell(&answer->reply);
    case Verb::kSteer:
      if (auto status = CheckGrant(protocol::kMaySteer, "steer"); !status.ok()) return status;
      if (rules_.size() >= kMostRules) return absl::ResourceExhaustedError(absl::StrCat("more than ", kMostRules, " steering rules"));
      rules_.push_back(request.text);
      return absl::OkStatus();
    case Verb::kAttach:
      return Attach(request.flags, &answer->reply);
    case Verb::kDetach:
      return Detach();
    case Verb::kMemory:
      return MakeMemory(request, answer);
    case Verb::kSocket:
      return MakeSocket(request, descriptors, answer);
    case Verb::kReceive:
      return Receive(request.queue);
    case Verb::kRelease:
      return request.value == 1 ? AskReleased(request.queue, &answer->reply) : Release(request.queue);
    case Verb::kPromiscuous:
      return SetPromiscuous(request.value != 0);
    case Verb::kMtu:
    case Verb::kMac: {
      const bool mtu = request.verb == Verb::kMtu;
      if (auto status = mtu ? CheckGrant(protocol::kMaySetMtu, "mtu") : CheckGrant(protocol::kMaySetMac, "mac"); !status.ok())
        return status;
      const auto settings = Settings();
      if (!settings.ok()) return settings.status();
      if (mtu) return (*settings)->SetMtu(request.value);
      pmd::MacAddress mac;
      std::memcpy(mac.bytes.data(), request.mac, sizeof(request.mac));
      return (*settings)->SetMac(mac);
    }
    case Verb::kRestore:
      if (settings_ == nullptr) return absl::OkStatus();
      if (request.value == 1 && !netdev_->Index().ok()) settings_->Forget();
      if (settings_.use_count() == 1) CopyText(absl::StrJoin(settings_->Restore(), "\n"), answer->reply.text);
      settings_.reset();
      return absl::OkStatus();
    case Verb::kInjector:
      if (auto status = CheckGrant(protocol::kMayInject, "inject"); !status.ok()) return status;
      return Lend(descriptors, answer);
    case Verb::kPassed:
      answer->reply.value = program_ == nullptr ? 0 : program_->program->passed_packets();
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(absl::StrCat("unknown request ", static_cast<uint32_t>(request.verb)));
  }
}

absl::Status Session::Open(const std::string& interface) {
  if (grant_) return absl::FailedPreconditionError("a connection opens one port; connect again for another");
  auto grant = shared_.configuration.Find(peer_, interface);
  if (!grant) {
    return absl::PermissionDeniedError(
        absl::StrCat("user ", peer_.user, " may not have interface ", interface, " (the broker's configuration says who may)"));
  }
  auto netdev = Netdev::Open(interface);
  if (!netdev.ok()) return netdev.status();
  if (auto status = shared_.store.Put(Stored(absl::StrCat("connection/", interface)), connection_.get()); !status.ok()) return status;
  netdev_ = *std::move(netdev);
  grant_ = std::move(grant);
  return absl::OkStatus();
}

absl::Status Session::Tell(Reply* reply) {
  protocol::PortInfo& info = reply->info;
  // A port that was stopped goes over to the interface that took the place of the one that is gone.
  if (program_ == nullptr) netdev_->Follow().IgnoreError();
  const auto index = netdev_->Index();
  if (!index.ok()) return index.status();
  const auto link = netdev_->Link();
  CopyText(netdev_->name(), info.name);
  CopyText(netdev_->DriverName(), info.driver);
  info.interface_index = *index;
  if (const auto node = lcore::DeviceNumaNode(netdev_->name())) info.numa_node = static_cast<int32_t>(*node);
  info.mtu = static_cast<uint32_t>(netdev_->Mtu().value_or(0));
  info.queues = netdev_->QueueCount().value_or(0);
  info.first_queue = grant_->first_queue;
  info.granted_queues = grant_->queues;
  info.hardware_rx_ring = netdev_->HardwareRxRing();
  info.grants = grant_->grants;
  info.most_memory = grant_->most_memory;
  const auto mac = netdev_->Mac();
  if (mac.ok()) std::memcpy(info.mac, mac->bytes.data(), sizeof(info.mac));
  info.up = netdev_->IsUp().value_or(false);
  if (link.ok()) {
    info.running = link->up;
    info.speed_mbps = link->speed_mbps;
    info.full_duplex = link->full_duplex;
  }
  if (const auto features = bpf::ProbeDevice(netdev_->name()); features.ok()) {
    info.features_known = features->known;
    info.xdp_actions = features->xdp_actions;
    info.zero_copy_segments = features->zero_copy_segments;
    info.rx_metadata = features->rx_metadata;
    info.xsk_features = features->xsk_features;
  }
  return absl::OkStatus();
}

absl::Status Session::Attach(uint32_t flags, Reply* reply) {
  if (program_ != nullptr) return absl::FailedPreconditionError("the program is attached already");
  const auto mode = (flags & protocol::kNative) != 0    ? bpf::AttachMode::kNative
                    : (flags & protocol::kGeneric) != 0 ? bpf::AttachMode::kGeneric
                                                        : bpf::AttachMode::kAutomatic;
  // Who may not ask gets a port without, as on a device that cannot tell.
  const uint32_t tells = (grant_->grants & protocol::kMayAskDevice) != 0 ? (flags & protocol::kTellsAll) >> protocol::kTellsShift : 0;
  auto program = shared_.programs.Get(grant_->interface, mode, std::exchange(rules_, {}), tells);
  if (!program.ok()) return program.status();
  program_ = *std::move(program);
  reply->flags = program_->program->native() ? protocol::kNative : protocol::kGeneric;
  if (program_->program->puts_vlan_tags()) reply->flags |= protocol::kPutsVlanTags;
  reply->flags |= program_->program->rx_metadata() << protocol::kTellsShift;
  reply->value = program_->program->program_id();
  CopyText(program_->program->fallback_reason(), reply->text);
  return absl::OkStatus();
}

absl::Status Session::Detach() {
  while (!sockets_.empty()) {
    const uint32_t queue = sockets_.begin()->first;
    if (Release(queue).ok()) continue;  // else the keeper is gone, and this one must not be held for that
    program_->queues.erase(queue);
    sockets_.erase(queue);
  }
  rules_.clear();
  lent_.reset();
  promiscuous_.reset();
  program_.reset();
  for (const char* name : {"injector/", "promiscuous"}) {
    if (auto status = shared_.store.Drop(Stored(name)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Session::CheckGrant(uint32_t bit, absl::string_view name) const {
  if ((grant_->grants & bit) != 0) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("user ", peer_.user, " may not use '", name, "' of interface ", grant_->interface,
                                                  " (\"allow\" in the broker's configuration)"));
}

absl::Status Session::CheckQueue(uint32_t queue) const {
  if (queue >= grant_->first_queue && queue - grant_->first_queue < grant_->queues) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("user ", peer_.user, " may have queues ", grant_->first_queue, " to ",
                                                  grant_->first_queue + grant_->queues - 1, " of interface ", grant_->interface,
                                                  ", and asks for queue ", queue, " (\"queues\" in the broker's configuration)"));
}

absl::Status Session::MakeMemory(const Request& request, Answer* answer) {
  if (memory_.size() >= kMostMemories) return absl::ResourceExhaustedError(absl::StrCat("a port has at most ", kMostMemories, " regions"));
  if (request.value == 0 || request.value > grant_->most_memory - std::min(memory_bytes_, grant_->most_memory)) {
    return absl::ResourceExhaustedError(absl::StrCat(request.value, " bytes for frames were asked for, beside the ", memory_bytes_,
                                                     " that this port has, and ", grant_->most_memory,
                                                     " are allowed (\"memory_mib\" in the broker's configuration)"));
  }
  auto memory = bpf::VisibleMemory::Create(request.value, request.node);
  if (!memory.ok()) return memory.status();
  memory_bytes_ += request.value;
  memory_.push_back(UniqueFd::Duplicate(memory->map()));
  answer->descriptors.push_back(memory_.back().get());
  answer->reply.value = request.value;
  return absl::OkStatus();
}

// The broker registers the memory, makes the rings and binds: a socket that is not bound could be bound to any interface of the
// namespace by whoever holds it.
absl::Status Session::MakeSocket(const Request& request, const std::vector<UniqueFd>& descriptors, Answer* answer) {
  if (auto status = CheckQueue(request.queue); !status.ok()) return status;
  if (program_ == nullptr) return absl::FailedPreconditionError("the program is not attached yet");
  if (program_->queues.count(request.queue) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("queue ", request.queue, " of interface ", grant_->interface, " is in use",
                                                 sockets_.count(request.queue) != 0 ? " by this client" : " by another client"));
  }
  const pmd::af_xdp::XskRingSizes sizes{
      .rx = request.rx_ring, .tx = request.tx_ring, .fill = request.fill_ring, .completion = request.completion_ring};
  if (!IsRing(sizes.rx) || !IsRing(sizes.tx) || !IsRing(sizes.fill) || !IsRing(sizes.completion)) {
    return absl::InvalidArgumentError(absl::StrCat("rings of ", sizes.rx, ", ", sizes.tx, ", ", sizes.fill, " and ", sizes.completion,
                                                   " entries: powers of two up to ", kLargestRing, " are expected"));
  }
  if ((request.frame_size != kSmallestFrame && request.frame_size != kLargestFrame) || request.headroom < mempool::kMinimumHeadroom ||
      request.headroom >= request.frame_size) {
    return absl::InvalidArgumentError(absl::StrCat("frames of ", request.frame_size, " bytes with ", request.headroom,
                                                   " of headroom: ", kSmallestFrame, " or ", kLargestFrame, " bytes are expected"));
  }
  // Any such memory will do, a former broker's too: only who has CAP_BPF can make it, and who has it may write to it.
  if (descriptors.size() != 1) return absl::InvalidArgumentError("one descriptor of memory that a broker gave out is expected");
  const auto memory = bpf::IdentifyMap(descriptors.front().get());
  if (!memory.ok()) return memory.status();
  const std::size_t bytes = request.value / request.frame_size * request.frame_size;
  if (bytes == 0 || bytes > memory->bytes) {
    return absl::InvalidArgumentError(absl::StrCat(request.value, " bytes of frames in memory of ", memory->bytes));
  }
  if ((request.busy_budget != 0)) {
    if (auto status = CheckGrant(protocol::kMayBusyPoll, "busy_poll"); !status.ok()) return status;
  }
  void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptors.front().get(), 0);
  if (base == MAP_FAILED) return ErrnoStatus(errno, absl::StrCat("mmap(frames, ", bytes, " bytes)"));
  const pmd::af_xdp::UmemLayout layout{
      .base = static_cast<std::byte*>(base), .bytes = bytes, .frame_size = request.frame_size, .headroom = request.headroom};
  auto socket = XskSocket::Create(grant_->interface, request.queue, layout, sizes, nullptr);
  munmap(base, bytes);  // the registration holds the pages
  if (!socket.ok()) return socket.status();
  if (request.busy_budget != 0) {
    const auto status = (*socket)->SetBusyPolling({.budget = request.busy_budget, .timeout_us = request.busy_timeout_us});
    if (!status.ok()) CopyText(status.message(), answer->reply.text);
  }
  if ((*socket)->RaiseSendLimits(sizes.tx)) answer->reply.flags |= protocol::kSendsWholeRing;
  const auto index = netdev_->Index();
  if (!index.ok()) return index.status();
  const auto mode = (request.flags & protocol::kZeroCopy) != 0 ? pmd::af_xdp::CopyMode::kZeroCopy
                    : (request.flags & protocol::kCopy) != 0   ? pmd::af_xdp::CopyMode::kCopy
                                                               : pmd::af_xdp::CopyMode::kAutomatic;
  // Others are waiting: whether the queue becomes free in a moment the client asks again.
  if (auto status =
          (*socket)->Bind(*index, mode, (request.flags & protocol::kNeedWakeup) != 0, XskSocket::Others::kMayUseIt, /*patience_ms=*/0);
      !status.ok()) {
    return status.code() == absl::ErrnoToStatusCode(EBUSY) ? absl::AbortedError(status.message()) : status;
  }
  answer->reply.flags |= (*socket)->zero_copy() ? protocol::kZeroCopy : protocol::kCopy;
  if (request.busy_budget != 0) {
    const std::string why = pmd::af_xdp::StopStallingBusyPolling(**socket, *index);
    if (!why.empty()) CopyText(why, answer->reply.text);
  }
  Socket& held = sockets_[request.queue];
  program_->queues.insert(request.queue);
  held.descriptor = UniqueFd::Duplicate((*socket)->descriptor());
  if (auto status = shared_.store.Put(Stored(absl::StrCat("socket/", request.queue)), held.descriptor.get()); !status.ok()) return status;
  answer->descriptors.push_back(held.descriptor.get());
  return absl::OkStatus();
}

absl::Status Session::Receive(uint32_t queue) {
  const auto found = sockets_.find(queue);
  if (found == sockets_.end()) return absl::FailedPreconditionError(absl::StrCat("queue ", queue, " has no socket yet"));
  if (found->second.receives) return absl::OkStatus();
  if (auto status = program_->program->AddSocket(queue, found->second.descriptor.get()); !status.ok()) return status;
  found->second.receives = true;
  return absl::OkStatus();
}

absl::Status Session::Release(uint32_t queue) {
  const auto found = sockets_.find(queue);
  if (found == sockets_.end()) return absl::NotFoundError(absl::StrCat("queue ", queue, " has no socket"));
  if (found->second.receives) program_->program->RemoveSocket(queue).IgnoreError();
  sockets_.erase(found);
  program_->queues.erase(queue);
  return shared_.store.Drop(Stored(absl::StrCat("socket/", queue)));
}

absl::Status Session::AskReleased(uint32_t queue, Reply* reply) {
  if (auto status = CheckQueue(queue); !status.ok()) return status;
  if (sockets_.count(queue) != 0) {
    if (auto status = Release(queue); !status.ok()) return status;
  }
  const auto index = netdev_->Index();
  reply->value = !index.ok() || pmd::af_xdp::WaitForRelease(*index, queue, /*timeout_ms=*/1);
  return absl::OkStatus();
}

// A memory, and perhaps the program of the injector that the client has.
absl::Status Session::Lend(const std::vector<UniqueFd>& descriptors, Answer* answer) {
  if (lent_ != nullptr) return absl::FailedPreconditionError("this port is in an injector already");
  if (descriptors.empty() || descriptors.size() > 2) {
    return absl::InvalidArgumentError("the descriptors of memory that a broker gave out, and of an injector's program, are expected");
  }
  const auto memory = bpf::IdentifyMap(descriptors.front().get());
  if (!memory.ok()) return memory.status();
  const auto index = netdev_->Index();
  if (!index.ok()) return index.status();
  auto lent =
      shared_.injectors.Lend(*index, descriptors.front().get(), memory->bytes, descriptors.size() == 2 ? descriptors.back().get() : -1);
  if (!lent.ok()) return lent.status();
  lent_ = std::move(lent->port);
  const std::string name = Stored(absl::StrCat("injector/", lent_->number()));
  if (auto status = shared_.store.Put(name, lent_->injector()->ports_map()); !status.ok()) return status;
  answer->reply.value = lent_->number();
  if (!lent->is_new) return absl::OkStatus();
  const auto parts = lent_->injector()->descriptors();
  answer->descriptors.assign(parts.begin(), parts.end());
  return absl::OkStatus();
}

absl::StatusOr<pmd::af_xdp::SavedSettings*> Session::Settings() {
  if (settings_ == nullptr) {
    auto settings = pmd::af_xdp::SavedSettings::Of(*netdev_);
    if (!settings.ok()) return settings.status();
    settings_ = *std::move(settings);
  }
  return settings_.get();
}

absl::Status Session::SetPromiscuous(bool on) {
  if (!on) {
    promiscuous_.reset();
    return shared_.store.Drop(Stored("promiscuous"));
  }
  if (auto status = CheckGrant(protocol::kMayBePromiscuous, "promiscuous"); !status.ok()) return status;
  if (promiscuous_ != nullptr) return absl::OkStatus();
  const auto index = netdev_->Index();
  if (!index.ok()) return index.status();
  auto membership = pmd::af_xdp::PromiscuousMembership::Join(grant_->interface, *index);
  if (!membership.ok()) return membership.status();
  promiscuous_ = *std::move(membership);
  return shared_.store.Put(Stored("promiscuous"), promiscuous_->descriptor());
}

absl::Status Session::Resume(const std::string& interface, std::vector<StoredDescriptor> left) {
  grant_ = shared_.configuration.Find(peer_, interface);
  if (!grant_) return absl::PermissionDeniedError(absl::StrCat("user ", peer_.user, " may not have interface ", interface, " any more"));
  auto netdev = Netdev::Open(interface);
  if (!netdev.ok()) return netdev.status();
  netdev_ = *std::move(netdev);
  for (StoredDescriptor& stored : left) {
    const absl::string_view name = absl::StripPrefix(stored.name, Stored(""));
    const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
    uint32_t number;
    if (name == "promiscuous") {
      promiscuous_ = std::make_unique<pmd::af_xdp::PromiscuousMembership>(stored.descriptor.Release());
    } else if (parts.size() == 2 && absl::SimpleAtoi(parts[1], &number)) {
      if (parts[0] == "socket") sockets_[number].descriptor = std::move(stored.descriptor);
      if (parts[0] == "injector") lent_ = std::make_unique<LentPort>(std::move(stored.descriptor), number);
    }
  }
  // What the former broker set and could not put back is put back at the end of this session.
  if ((grant_->grants & (protocol::kMaySetMtu | protocol::kMaySetMac)) != 0) {
    if (auto settings = Settings(); !settings.ok()) return settings.status();
  }
  if (sockets_.empty()) return absl::OkStatus();
  program_ = shared_.programs.Resumed(interface);
  if (program_ == nullptr) {
    sockets_.clear();
    return absl::FailedPreconditionError(absl::StrCat("interface ", interface, " has lost its program"));
  }
  for (auto& [queue, socket] : sockets_) {
    program_->queues.insert(queue);
    socket.receives = program_->program->ResumeSocket(queue, socket.descriptor.get()).ok();
  }
  return absl::OkStatus();
}

}  // namespace pollux::broker
