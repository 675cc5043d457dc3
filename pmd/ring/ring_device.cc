// SPDX-License-Identifier: Apache-2.0
#include "pmd/ring/ring_device.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>

#include "pmd/basic_device.h"
#include "pmd/ring/cable.h"

namespace pollux::pmd {
namespace {

enum RxRow { kRxPackets, kRxBytes, kRxTooManyFrames, kRxDiscarded };
constexpr CounterRow kRxRows[] = {{"packets", &QueueStats::rx_packets},
                                  {"bytes", &QueueStats::rx_bytes},
                                  {"dropped_too_many_frames", &QueueStats::rx_missed},
                                  {"discarded_at_stop", &QueueStats::rx_missed}};

enum TxRow { kTxPackets, kTxBytes, kTxNoReceiver, kTxTooManyFrames, kTxRingFull };
constexpr CounterRow kTxRows[] = {{"packets", &QueueStats::tx_packets},
                                  {"bytes", &QueueStats::tx_bytes},
                                  {"dropped_no_receiver", &QueueStats::tx_dropped},
                                  {"dropped_too_many_frames", &QueueStats::tx_dropped},
                                  {"ring_full", nullptr}};  // times that Send took fewer

class RingRxQueue final : public BasicRxQueue {
 public:
  RingRxQueue(std::shared_ptr<Cable> cable, Wire& wire, std::size_t capacity, bool scattered)
      : BasicRxQueue(kRxRows), cable_(std::move(cable)), wire_(wire), capacity_(capacity), scattered_(scattered) {}

  void Start() override {
    wire_.Open(capacity_, scattered_);
    BasicRxQueue::Start();
  }

  absl::Status Stop() override {
    absl::Status status = BasicRxQueue::Stop();
    counters().Add(kRxDiscarded, wire_.Close());
    return status;
  }

  std::size_t Receive(std::span<Packet> packets) override {
    if (!started()) return 0;
    if (scattered_) [[unlikely]]
      return ReceiveScattered(packets);
    const std::size_t count = wire_.Receive(packets);
    counters().Add(kRxPackets, count);
    counters().Add(kRxBytes, BytesOf(packets.first(count)));
    return count;
  }

  void CollectFrames(const std::string& holder, mempool::FrameAudit& audit) const override {
    wire_.ForEach([&](const Packet& packet) { audit.Add(holder + ": ring", packet); });
  }

 private:
  std::size_t ReceiveScattered(std::span<Packet> packets) {
    std::size_t too_large = 0;
    const std::size_t count = wire_.ReceiveWhole(packets, too_large);
    counters().Add(kRxPackets, mempool::CountPackets(packets.first(count)));
    counters().Add(kRxBytes, BytesOf(packets.first(count)));
    counters().Add(kRxTooManyFrames, too_large);
    return count;
  }

  const std::shared_ptr<Cable> cable_;  // keeps the wire
  Wire& wire_;
  const std::size_t capacity_;
  const bool scattered_;
};

class RingTxQueue final : public BasicTxQueue {
 public:
  RingTxQueue(std::shared_ptr<Cable> cable, Wire& wire) : BasicTxQueue(kTxRows), cable_(std::move(cable)), wire_(wire) {}

  std::size_t Send(std::span<const Packet> packets) override {
    if (!started() || packets.empty()) return 0;
    if (mempool::CountPackets(packets) < packets.size()) [[unlikely]]
      return SendMixed(packets);
    return Pass(packets);
  }

 private:
  // Packets of one frame.
  std::size_t Pass(std::span<const Packet> packets) {
    // From the moment a packet is in the wire it is the receiver's, who may change it: lengths are added up before. What is not taken is
    // still ours to look at.
    uint64_t bytes = BytesOf(packets);
    const std::optional<std::size_t> taken = wire_.Send(packets);
    if (!taken.has_value()) {
      counters().Add(kTxNoReceiver, packets.size());
      mempool::Pool::Free(packets);
      return packets.size();
    }
    if (*taken < packets.size()) {
      bytes -= BytesOf(packets.subspan(*taken));
      counters().Add(kTxRingFull, 1);
    }
    counters().Add(kTxPackets, *taken);
    counters().Add(kTxBytes, bytes);
    return *taken;
  }

  // One of several frames, whole or not at all; a receiver may expect packets of one frame: then it is dropped.
  std::size_t PassScattered(std::span<const Packet> frames) {
    const uint64_t bytes = BytesOf(frames);
    const std::optional<std::size_t> taken = wire_.SendScattered(frames);
    if (!taken.has_value() || *taken == Wire::kNever) {
      counters().Add(taken.has_value() ? kTxTooManyFrames : kTxNoReceiver, 1);
      mempool::Pool::Free(frames);
      return frames.size();
    }
    counters().Add(kTxRingFull, *taken == 0 ? 1 : 0);
    counters().Add(kTxPackets, *taken == 0 ? 0 : 1);
    counters().Add(kTxBytes, *taken == 0 ? 0 : static_cast<int64_t>(bytes));
    return *taken;
  }

  std::size_t SendMixed(std::span<const Packet> packets) {
    std::size_t taken = 0;
    while (taken < packets.size()) {
      const std::span<const Packet> rest = packets.subspan(taken);
      if (rest.front().continues()) {
        const std::size_t passed = PassScattered(rest.first(mempool::FramesOfFirst(rest)));
        taken += passed;
        if (passed == 0) break;
        continue;
      }
      const auto next = std::find_if(rest.begin(), rest.end(), [](const Packet& packet) { return packet.continues(); });
      const auto count = static_cast<std::size_t>(next - rest.begin());
      const std::size_t passed = Pass(rest.first(count));
      taken += passed;
      if (passed < count) break;
    }
    return taken;
  }

  const std::shared_ptr<Cable> cable_;
  Wire& wire_;
};

class RingDevice final : public BasicDevice {
 public:
  RingDevice(DeviceInfo info, Plug plug, bool may_scatter)
      : BasicDevice(std::move(info)), plug_(std::move(plug)), may_scatter_(may_scatter) {}
  // Before plug_ goes and another port may take the end, this one has let go of its wires.
  ~RingDevice() override {
    if (state() == State::kStarted) (void)Stop();
  }

  // Up while what this port sends has a receiver.
  absl::StatusOr<LinkState> Link() const override {
    return LinkState{.up = state() == State::kStarted && (!plug_.joined() || plug_.tx_wire(0).is_open())};
  }

  bool scattered() const override { return state() == State::kStarted && may_scatter_; }

 private:
  absl::StatusOr<Queues> MakeQueues(const DeviceConfig& config) override {
    if (may_scatter_ && !config.scattered)
      return absl::InvalidArgumentError(absl::StrCat(name(), ": sg=on: this program does not take packets of several frames"));
    plug_.SettlePeer();
    const std::size_t capacity = config.rx_ring == 0 ? Info().recommended_rx_ring : config.rx_ring;
    Queues queues;
    for (std::size_t number = 0; number < config.rx_queues; ++number) {
      queues.rx.push_back(std::make_unique<RingRxQueue>(plug_.cable(), plug_.rx_wire(number), capacity, may_scatter_));
    }
    for (std::size_t number = 0; number < config.tx_queues; ++number) {
      queues.tx.push_back(std::make_unique<RingTxQueue>(plug_.cable(), plug_.tx_wire(number)));
    }
    return queues;
  }

  Plug plug_;
  const bool may_scatter_;
};

// DPDK's NAME:NODE:ACTION. Its CREATE is what we do anyway; its ATTACH would give one ring two readers.
absl::Status CheckNodeAction(const DeviceArguments& arguments, const std::string& value) {
  const std::vector<std::string> parts = absl::StrSplit(value, ':');
  int node = 0;
  const auto refuse = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(arguments.name(), ": nodeaction=", value, ": ", why));
  };
  if (parts.size() != 3 || parts[0].empty() || !absl::SimpleAtoi(parts[1], &node) || node < 0) return refuse("must be RING:NODE:CREATE");
  if (parts[2] == "ATTACH") return refuse("a ring has one reader; join two ports with peer=NAME instead");
  if (parts[2] != "CREATE") return refuse("the action must be CREATE");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> OpenRingDevice(DeviceArguments arguments) {
  const absl::StatusOr<std::string> peer = arguments.TakeText("peer", "");
  const absl::StatusOr<std::string> scatter = arguments.TakeChoice("sg", "auto", {"auto", "on", "off"});
  absl::Status status = peer.status();
  status.Update(scatter.status());
  for (const std::string& action : arguments.TakeAll("nodeaction")) status.Update(CheckNodeAction(arguments, action));
  status.Update(arguments.Finish());
  if (!status.ok()) return status;
  absl::StatusOr<Plug> plug = Plug::Insert(arguments.name(), *peer);
  if (!plug.ok()) return plug.status();
  DeviceInfo info;
  info.name = arguments.name();
  info.driver = kRingDriver;
  info.maximum_rx_queues = kMaximumRingQueues;
  info.maximum_tx_queues = kMaximumRingQueues;
  return std::make_unique<RingDevice>(std::move(info), *std::move(plug), *scatter == "on");
}

}  // namespace pollux::pmd
