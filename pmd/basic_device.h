// SPDX-License-Identifier: Apache-2.0
// BasicDevice: what the drivers without a kernel device have in common: order of calls, limits, queues, statistics.
#ifndef PMD_BASIC_DEVICE_H_
#define PMD_BASIC_DEVICE_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/device.h"
#include "pmd/queue_counters.h"

namespace pollux::pmd {

inline constexpr std::size_t kEthernetHeaderBytes = 14;
inline constexpr std::size_t kMaximumBasicQueues = 64;

// The part of a queue that BasicDevice steers. Start and Stop belong to the control path; a device stops all its tx queues before the first
// rx queue, and starts them in the opposite order.
class BasicQueue {
 public:
  explicit BasicQueue(CounterRows rows) : counters_(rows) {}
  virtual ~BasicQueue() = default;

  virtual void Start() { started_.store(true, std::memory_order_relaxed); }
  // The queue has stopped whatever is returned: an error tells what was lost.
  virtual absl::Status Stop() {
    started_.store(false, std::memory_order_relaxed);
    return absl::OkStatus();
  }
  virtual void CollectFrames(const std::string& holder, mempool::FrameAudit& audit) const {}

  QueueCounters& counters() { return counters_; }
  const QueueCounters& counters() const { return counters_; }

 protected:
  bool started() const { return started_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> started_{false};
  QueueCounters counters_;
};

class BasicRxQueue : public RxQueue, public BasicQueue {
 public:
  using BasicQueue::BasicQueue;
};

class BasicTxQueue : public TxQueue, public BasicQueue {
 public:
  using BasicQueue::BasicQueue;
};

// The sum of a burst's lengths.
inline uint64_t BytesOf(std::span<const Packet> packets) {
  uint64_t bytes = 0;
  for (const Packet& packet : packets) bytes += packet.length;
  return bytes;
}

class BasicDevice : public Device {
 public:
  ~BasicDevice() override;

  DeviceInfo Info() const override;
  absl::StatusOr<LinkState> Link() const override;
  absl::Status Configure(const DeviceConfig& config) final;
  absl::Status Start() final;
  absl::Status Stop() final;
  RxQueue& rx_queue(std::size_t number) final { return *queues_.rx[number]; }
  TxQueue& tx_queue(std::size_t number) final { return *queues_.tx[number]; }
  QueueStats Stats(std::size_t queue) const final;
  QueueStats Stats() const final;
  std::vector<NamedCounter> ExtendedStats() const final;
  void ResetStats() final;
  void CollectFrames(mempool::FrameAudit& audit) const final;

 protected:
  struct Queues {
    std::vector<std::unique_ptr<BasicRxQueue>> rx;
    std::vector<std::unique_ptr<BasicTxQueue>> tx;
  };
  enum class State { kOpened, kConfigured, kStarted };

  // `info` holds name, driver and the limits of queues; the MAC address is made from the name, and the MTU is what a frame holds.
  explicit BasicDevice(DeviceInfo info);

  // Makes the queues of a configuration whose limits were checked. The former queues are stopped and still there: a failure leaves them.
  virtual absl::StatusOr<Queues> MakeQueues(const DeviceConfig& config) = 0;

  const std::string& name() const { return info_.name; }
  State state() const { return state_; }

 private:
  absl::Status Check(const DeviceConfig& config) const;
  absl::Status WrongState(const char* call, const char* hint) const;
  absl::Status StopQueues();

  DeviceInfo info_;
  State state_ = State::kOpened;
  std::shared_ptr<mempool::Pool> pool_;  // before queues_, which may return frames when they go
  Queues queues_;
};

}  // namespace pollux::pmd

#endif  // PMD_BASIC_DEVICE_H_
