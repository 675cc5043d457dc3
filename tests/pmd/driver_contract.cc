// SPDX-License-Identifier: Apache-2.0
#include "tests/pmd/driver_contract.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "pmd/drivers.h"
#include "tools/support/patience.h"

namespace pollux::pmd {
namespace {

class Deadline {
 public:
  bool passed() const { return std::chrono::steady_clock::now() > end_; }

 private:
  const std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::now() + support::Patience(std::chrono::seconds(5));
};

}  // namespace

void DriverContract::SetUp() {
  rig_ = GetParam().make_rig();
  ASSERT_NE(rig_, nullptr);
  if (const std::string reason = rig_->SkipReason(); !reason.empty()) GTEST_SKIP() << reason;
  traits_ = rig_->Traits();
  pool_ = rig_->MakePool({.frame_count = 8192, .slab_frames = 64});
  ASSERT_NE(pool_, nullptr);
}

void DriverContract::TearDown() {
  if (pool_ != nullptr) {
    EXPECT_TRUE(support::FramesAreFree(*pool_));
  }
}

Ports DriverContract::Open() {
  Ports ports;
  absl::StatusOr<std::unique_ptr<Device>> sender = OpenDevice(rig_->SenderText());
  EXPECT_TRUE(sender.ok()) << sender.status();
  if (!sender.ok()) return ports;
  if (!rig_->ReceiverText().empty()) {
    absl::StatusOr<std::unique_ptr<Device>> receiver = OpenDevice(rig_->ReceiverText());
    EXPECT_TRUE(receiver.ok()) << receiver.status();
    if (!receiver.ok()) return ports;
    ports.second = *std::move(receiver);
  }
  ports.sender = *std::move(sender);
  return ports;
}

DeviceConfig DriverContract::Config(std::size_t queues) const {
  DeviceConfig config;
  config.rx_queues = config.tx_queues = queues;
  config.rx_ring = config.tx_ring = traits_.ring;
  config.pool = pool_;
  return config;
}

void DriverContract::ConfigureAndStart(Ports& ports, std::size_t queues) {
  started_queues_ = queues;
  for (Device* device : {ports.sender.get(), ports.second.get()}) {
    if (device == nullptr) continue;
    const absl::Status configured = device->Configure(Config(queues));
    ASSERT_TRUE(configured.ok()) << configured;
    const absl::Status started = device->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  rig_->AwaitLink(*ports.sender, ports.receiver());
}

void DriverContract::Stop(Ports& ports) {
  for (Device* device : {ports.sender.get(), ports.second.get()}) {
    if (device == nullptr) continue;
    const absl::Status stopped = device->Stop();
    EXPECT_TRUE(stopped.ok()) << stopped;
  }
}

Ports DriverContract::Started(std::size_t queues) {
  Ports ports = Open();
  if (ports.sender != nullptr) ConfigureAndStart(ports, queues);
  if (HasFatalFailure()) return {};
  return ports;
}

std::vector<SentPacket> DriverContract::SendAll(Device& sender, std::size_t queue, std::span<const std::size_t> lengths) {
  std::vector<Packet> packets = support::AllocatePackets(*pool_, lengths.size());
  std::vector<SentPacket> sent;
  for (std::size_t index = 0; index < packets.size(); ++index) {
    sent.push_back({lengths[index], next_seed_++});
    support::WriteContents(packets[index], sent.back().length, sent.back().seed);
  }
  const Deadline deadline;
  std::size_t done = 0;
  while (done < packets.size() && !deadline.passed()) {
    done += sender.tx_queue(queue).Send(std::span<const Packet>(packets).subspan(done));
    if (done < packets.size()) std::this_thread::yield();
  }
  EXPECT_EQ(done, packets.size()) << "Send takes no more packets";
  Free(std::span(packets).subspan(done));
  sent.resize(done);
  return sent;
}

std::vector<Packet> DriverContract::ReceiveCount(Device& receiver, std::size_t first_queue, std::size_t queues, std::size_t count) {
  std::vector<Packet> received;
  const Deadline deadline;
  while (received.size() < count && !deadline.passed()) {
    const std::size_t before = received.size();
    for (std::size_t queue = first_queue; queue < first_queue + queues; ++queue) {
      std::array<Packet, mempool::kDefaultBurst> burst;
      const std::size_t wanted = std::min(burst.size(), count - received.size());
      const std::size_t got = receiver.rx_queue(queue).Receive(std::span(burst).first(wanted));
      EXPECT_LE(got, wanted);
      received.insert(received.end(), burst.begin(), burst.begin() + got);
    }
    if (received.size() == before) std::this_thread::yield();
  }
  EXPECT_EQ(received.size(), count) << "packets did not arrive";
  return received;
}

void DriverContract::PassPackets(Ports& ports, std::size_t queue, std::size_t count) {
  const std::size_t first_queue = traits_.keeps_queue ? queue : 0;
  const std::size_t queue_count = traits_.keeps_queue ? 1 : started_queues_;
  for (std::size_t done = 0; done < count;) {
    std::vector<std::size_t> lengths(std::min(traits_.window, count - done));
    for (std::size_t& length : lengths) length = RandomLength();
    const std::vector<SentPacket> sent = SendAll(*ports.sender, queue, lengths);
    ports.sender->tx_queue(queue).Send({});
    const std::vector<Packet> received = ReceiveCount(ports.receiver(), first_queue, queue_count, sent.size());
    ASSERT_FALSE(HasFailure());
    for (std::size_t index = 0; index < received.size(); ++index) {
      EXPECT_TRUE(support::HasContents(received[index], sent[index].length, sent[index].seed)) << "queue " << queue;
    }
    Free(received);
    ASSERT_FALSE(HasFailure());
    done += lengths.size();
  }
}

void DriverContract::Exercise(Ports& ports, std::size_t queue, std::size_t count) {
  if (traits_.returns) return PassPackets(ports, queue, count);
  std::vector<std::size_t> lengths(count);
  for (std::size_t& length : lengths) length = RandomLength();
  SendAll(*ports.sender, queue, lengths);
  if (traits_.sources) Free(ReceiveCount(ports.receiver(), queue, 1, count));
}

void DriverContract::SettleTx(Device& sender, std::size_t queues) {
  const Deadline deadline;
  const auto pending = [&] {
    for (std::size_t queue = 0; queue < queues; ++queue) sender.tx_queue(queue).Send({});
    return sender.Stats().tx_pending;
  };
  while (pending() != 0 && !deadline.passed()) std::this_thread::yield();
  EXPECT_EQ(sender.Stats().tx_pending, 0u);
}

testing::AssertionResult DriverContract::Balance(const Ports& ports, std::span<const Packet> held) const {
  return support::FramesBalance<Device>(*pool_, {ports.sender.get(), ports.second.get()}, held);
}

std::size_t DriverContract::RandomLength() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return traits_.minimum_length + random_ % (traits_.maximum_length - traits_.minimum_length + 1);
}

}  // namespace pollux::pmd
