// SPDX-License-Identifier: Apache-2.0
#include "pmd/basic_device.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <absl/strings/str_cat.h>

namespace pollux::pmd {
namespace {

// The MTU before there is a pool to ask: that of the largest frame there is.
constexpr std::size_t kLargestFrame = 4096;

constexpr std::size_t kLargestRing = 65536;

// A locally administered unicast address that is the same in every run (FNV-1a over the name).
MacAddress MacOfName(const std::string& name) {
  uint32_t hash = 2166136261u;
  for (const char character : name) hash = (hash ^ static_cast<unsigned char>(character)) * 16777619u;
  return {{0x02, 0x50, static_cast<uint8_t>(hash >> 24), static_cast<uint8_t>(hash >> 16), static_cast<uint8_t>(hash >> 8),
           static_cast<uint8_t>(hash)}};
}

std::string QueuePrefix(const char* direction, std::size_t queue) {
  return absl::StrCat(direction, "_q", queue, "_");
}

}  // namespace

BasicDevice::BasicDevice(DeviceInfo info) : info_(std::move(info)) {
  info_.mac = MacOfName(info_.name);
  info_.mtu = kLargestFrame - mempool::kMinimumHeadroom - kEthernetHeaderBytes;
}

BasicDevice::~BasicDevice() {
  if (state_ == State::kStarted) (void)StopQueues();  // what an error would tell stood in the counters, which go as well
}

DeviceInfo BasicDevice::Info() const {
  return info_;
}

absl::StatusOr<LinkState> BasicDevice::Link() const {
  return LinkState{.up = state_ == State::kStarted};
}

absl::Status BasicDevice::Configure(const DeviceConfig& config) {
  if (state_ == State::kStarted) return WrongState("Configure", "Stop comes first");
  if (absl::Status status = Check(config); !status.ok()) return status;
  absl::StatusOr<Queues> queues = MakeQueues(config);
  if (!queues.ok()) return queues.status();
  queues_ = *std::move(queues);
  pool_ = config.pool;
  info_.mtu = pool_->maximum_length() - kEthernetHeaderBytes;
  state_ = State::kConfigured;
  return absl::OkStatus();
}

absl::Status BasicDevice::Start() {
  if (state_ == State::kOpened) return WrongState("Start", "Configure comes first");
  if (state_ == State::kStarted) return WrongState("Start", "it is started already");
  for (auto& queue : queues_.rx) queue->Start();
  for (auto& queue : queues_.tx) queue->Start();
  state_ = State::kStarted;
  return absl::OkStatus();
}

absl::Status BasicDevice::Stop() {
  if (state_ != State::kStarted) return WrongState("Stop", "it is not started");
  state_ = State::kConfigured;
  return StopQueues();
}

absl::Status BasicDevice::StopQueues() {
  absl::Status result;
  for (auto& queue : queues_.tx) result.Update(queue->Stop());
  for (auto& queue : queues_.rx) result.Update(queue->Stop());
  return result;
}

QueueStats BasicDevice::Stats(std::size_t queue) const {
  QueueStats stats;
  if (queue < queues_.rx.size()) queues_.rx[queue]->counters().AddTo(stats);
  if (queue < queues_.tx.size()) queues_.tx[queue]->counters().AddTo(stats);
  return stats;
}

QueueStats BasicDevice::Stats() const {
  QueueStats stats;
  for (const auto& queue : queues_.rx) queue->counters().AddTo(stats);
  for (const auto& queue : queues_.tx) queue->counters().AddTo(stats);
  return stats;
}

std::vector<NamedCounter> BasicDevice::ExtendedStats() const {
  std::vector<NamedCounter> list;
  for (std::size_t queue = 0; queue < queues_.rx.size(); ++queue) queues_.rx[queue]->counters().AppendTo(QueuePrefix("rx", queue), list);
  for (std::size_t queue = 0; queue < queues_.tx.size(); ++queue) queues_.tx[queue]->counters().AppendTo(QueuePrefix("tx", queue), list);
  return list;
}

void BasicDevice::ResetStats() {
  for (auto& queue : queues_.rx) queue->counters().Reset();
  for (auto& queue : queues_.tx) queue->counters().Reset();
}

void BasicDevice::CollectFrames(mempool::FrameAudit& audit) const {
  for (std::size_t queue = 0; queue < queues_.rx.size(); ++queue) {
    queues_.rx[queue]->CollectFrames(absl::StrCat(info_.name, " rx queue ", queue), audit);
  }
  for (std::size_t queue = 0; queue < queues_.tx.size(); ++queue) {
    queues_.tx[queue]->CollectFrames(absl::StrCat(info_.name, " tx queue ", queue), audit);
  }
}

absl::Status BasicDevice::Check(const DeviceConfig& config) const {
  const struct {
    const char* what;
    std::size_t value;
    std::size_t maximum;
  } counts[] = {{"rx_queues", config.rx_queues, info_.maximum_rx_queues}, {"tx_queues", config.tx_queues, info_.maximum_tx_queues}};
  for (const auto& count : counts) {
    if (count.value <= count.maximum) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(info_.name, ": Configure: ", count.what, " is ", count.value, ", must be at most ", count.maximum));
  }
  for (const std::size_t ring : {config.rx_ring, config.tx_ring}) {
    if (ring == 0 || (std::has_single_bit(ring) && ring <= kLargestRing)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(info_.name, ": Configure: ring of ", ring, " descriptors, must be a power of two up to ", kLargestRing));
  }
  if (config.pool == nullptr) return absl::InvalidArgumentError(absl::StrCat(info_.name, ": Configure: no pool given"));
  return absl::OkStatus();
}

absl::Status BasicDevice::WrongState(const char* call, const char* hint) const {
  return absl::FailedPreconditionError(absl::StrCat(info_.name, ": ", call, ": ", hint));
}

}  // namespace pollux::pmd
