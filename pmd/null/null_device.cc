// SPDX-License-Identifier: Apache-2.0
#include "pmd/null/null_device.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "pmd/basic_device.h"

namespace pollux::pmd {
namespace {

constexpr std::size_t kLargestPacket = 4096 - mempool::kMinimumHeadroom;
constexpr std::size_t kScratchBytes = 4096;  // a whole frame: a packet's start may have been moved into the headroom

enum RxRow { kRxPackets, kRxBytes, kRxNoFrame };
constexpr CounterRow kRxRows[] = {
    {"packets", &QueueStats::rx_packets}, {"bytes", &QueueStats::rx_bytes}, {"pool_empty", &QueueStats::rx_nombuf}};

enum TxRow { kTxPackets, kTxBytes };
constexpr CounterRow kTxRows[] = {{"packets", &QueueStats::tx_packets}, {"bytes", &QueueStats::tx_bytes}};

struct NullOptions {
  std::size_t size = 64;
  bool copy = false;
  bool no_rx = false;
};

class NullRxQueue final : public BasicRxQueue {
 public:
  NullRxQueue(const NullOptions& options, std::shared_ptr<mempool::Pool> pool)
      : BasicRxQueue(kRxRows), options_(options), pool_(std::move(pool)), contents_(options.size) {}

  std::size_t Receive(std::span<Packet> packets) override {
    if (!started() || options_.no_rx) return 0;
    const std::size_t count = pool_->Allocate(packets);
    for (Packet& packet : packets.first(count)) {
      packet.length = static_cast<uint32_t>(options_.size);
      if (options_.copy) std::memcpy(packet.data, contents_.data(), contents_.size());
    }
    counters().Add(kRxPackets, count);
    counters().Add(kRxBytes, count * options_.size);
    if (count < packets.size()) counters().Add(kRxNoFrame, 1);
    return count;
  }

 private:
  const NullOptions options_;
  const std::shared_ptr<mempool::Pool> pool_;
  const std::vector<std::byte> contents_;
};

class NullTxQueue final : public BasicTxQueue {
 public:
  explicit NullTxQueue(const NullOptions& options) : BasicTxQueue(kTxRows), options_(options), scratch_(kScratchBytes) {}

  std::size_t Send(std::span<const Packet> packets) override {
    if (!started()) return 0;
    if (options_.copy) {
      for (const Packet& packet : packets) CopyOut(packet);
    }
    counters().Add(kTxPackets, mempool::CountPackets(packets));
    counters().Add(kTxBytes, BytesOf(packets));
    mempool::Pool::Free(packets);
    return packets.size();
  }

 private:
  // The barrier is a reader that the compiler cannot see through: without it there would be no copy.
  void CopyOut(const Packet& packet) {
    std::memcpy(scratch_.data(), packet.data, std::min<std::size_t>(packet.length, scratch_.size()));
    asm volatile("" : : "r"(scratch_.data()) : "memory");
  }

  const NullOptions options_;
  std::vector<std::byte> scratch_;
};

class NullDevice final : public BasicDevice {
 public:
  NullDevice(DeviceInfo info, const NullOptions& options) : BasicDevice(std::move(info)), options_(options) {}

 private:
  absl::StatusOr<Queues> MakeQueues(const DeviceConfig& config) override {
    if (options_.size > config.pool->maximum_length()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name(), ": size=", options_.size, ": a frame of this pool holds ", config.pool->maximum_length(), " bytes"));
    }
    Queues queues;
    for (std::size_t number = 0; number < config.rx_queues; ++number) {
      queues.rx.push_back(std::make_unique<NullRxQueue>(options_, config.pool));
    }
    for (std::size_t number = 0; number < config.tx_queues; ++number) queues.tx.push_back(std::make_unique<NullTxQueue>(options_));
    return queues;
  }

  const NullOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> OpenNullDevice(DeviceArguments arguments) {
  const absl::StatusOr<uint64_t> size = arguments.TakeNumber("size", 64, 1, kLargestPacket);
  const absl::StatusOr<bool> copy = arguments.TakeFlag("copy", false);
  const absl::StatusOr<bool> no_rx = arguments.TakeFlag("no-rx", false);
  absl::Status status = size.status();
  status.Update(copy.status());
  status.Update(no_rx.status());
  status.Update(arguments.Finish());
  if (!status.ok()) return status;
  DeviceInfo info;
  info.name = arguments.name();
  info.driver = kNullDriver;
  info.maximum_rx_queues = kMaximumBasicQueues;
  info.maximum_tx_queues = kMaximumBasicQueues;
  return std::make_unique<NullDevice>(std::move(info), NullOptions{.size = *size, .copy = *copy, .no_rx = *no_rx});
}

}  // namespace pollux::pmd
