// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/forwarder.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <tuple>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/cycle_clock.h"

namespace pollux::testpmd {

pmd::MacAddress ForwardConfig::PeerOf(std::size_t port) const {
  const auto entry = peers.find(port);
  if (entry != peers.end()) return entry->second;
  return pmd::MacAddress{{0x02, 0, 0, 0, 0, static_cast<uint8_t>(port)}};
}

std::vector<StreamEnds> ForwardConfig::Streams() const {
  return PlanStreams(*FindForwardMode(mode), {topology, ports, rx_queues, tx_queues});
}

std::vector<LcoreStreams> ForwardConfig::Assignment() const {
  const std::vector<unsigned> used(lcores.begin(), lcores.begin() + static_cast<std::ptrdiff_t>(std::min(lcore_count, lcores.size())));
  return AssignStreams(Streams(), used, FindForwardMode(mode)->sends);
}

Forwarder::~Forwarder() {
  Stop().IgnoreError();
}

absl::Status Forwarder::Start(const ForwardConfig& config, std::size_t tx_first_bursts, BurstObserver* observer) {
  if (running_) return absl::FailedPreconditionError("Packet forwarding already started");
  streams_.clear();
  lcores_.clear();
  flushed_.clear();
  for (std::size_t port : config.ports) {
    if (!ports_[port]->started()) {
      return absl::FailedPreconditionError(absl::StrCat("Not all ports were started: port ", port, " is not (port start ", port, ")"));
    }
    const pmd::DeviceConfig& has = ports_[port]->config();
    if (has.rx_queues < config.rx_queues || has.tx_queues < config.tx_queues) {
      return absl::FailedPreconditionError(absl::StrCat("port ", port, " has ", has.rx_queues, " rx and ", has.tx_queues,
                                                        " tx queues, the others ", config.rx_queues, " and ", config.tx_queues,
                                                        " (port config all rxq|txq N)"));
    }
  }
  const ForwardMode& mode = *FindForwardMode(config.mode);
  for (const auto& [needed, queues, direction] :
       {std::tuple(mode.receives, config.rx_queues, "rxq"), std::tuple(mode.sends, config.tx_queues, "txq")}) {
    if (needed && queues == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(direction, " are 0, cannot use ", config.mode, " fwd mode (port config all ", direction, " N)"));
    }
  }
  config_ = config;
  if (absl::Status status = MakeStreams(observer); !status.ok()) return status;
  if (config_.flush_rx && FindForwardMode(config_.mode)->receives) FlushRxQueues();
  if (tx_first_bursts != 0) {
    if (absl::Status status = SendFirst(tx_first_bursts); !status.ok()) return status;
  }
  for (const LcoreStreams& assigned : config_.Assignment()) {
    auto use = std::make_unique<LcoreUse>();
    use->lcore = assigned.lcore;
    use->streams = assigned.streams;
    lcores_.push_back(std::move(use));
  }
  return Launch();
}

absl::Status Forwarder::MakeStreams(BurstObserver* observer) {
  std::vector<std::unique_ptr<RunningStream>> streams;
  const ForwardMode& mode = *FindForwardMode(config_.mode);
  for (const StreamEnds& ends : config_.Streams()) {
    auto running = std::make_unique<RunningStream>();
    Stream& stream = running->stream;
    pmd::Device& tx_device = ports_[ends.tx_port]->device();
    stream.rx_port = ends.rx_port;
    stream.rx_queue = ends.rx_queue;
    stream.tx_port = ends.tx_port;
    stream.tx_queue = ends.tx_queue;
    if (mode.receives) stream.rx = &ports_[ends.rx_port]->rx_queue(ends.rx_queue);
    if (mode.sends) stream.tx = &ports_[ends.tx_port]->tx_queue(ends.tx_queue);
    stream.pool = ports_[ends.tx_port]->config().pool.get();
    stream.tx_port_mac = tx_device.Info().mac;
    stream.peer_mac = config_.PeerOf(ends.tx_port);
    // A port that has lost it over a restart sums in software.
    if (const auto asked = config_.device_checksums.find(ends.tx_port);
        asked != config_.device_checksums.end() && tx_device.tx_offloads().checksum) {
      stream.device_checksums = asked->second;
    }
    stream.asks_for_times = config_.tx_timestamps && tx_device.tx_offloads().timestamp;
    stream.burst = config_.burst;
    SetScattered(stream);
    stream.retry = config_.retry;
    stream.record_bursts = config_.record_burst_stats;
    stream.record_cycles = config_.record_core_cycles;
    stream.observer = observer;
    auto engine = MakeForwardEngine(config_.mode, config_.engine, stream);
    if (!engine.ok()) return engine.status();
    running->engine = *std::move(engine);
    streams.push_back(std::move(running));
  }
  streams_ = std::move(streams);
  return absl::OkStatus();
}

void Forwarder::SetScattered(Stream& stream) const {
  const bool tx_scattered = ports_[stream.tx_port]->device().scattered();
  stream.scattered = tx_scattered || ports_[stream.rx_port]->device().scattered();
  stream.tx_frames = tx_scattered ? mempool::kMostFramesOfPacket : 1;
}

// At most two rings of packets a queue, since some sources never run dry.
void Forwarder::FlushRxQueues() {
  Packet packets[mempool::kDefaultBurst];
  for (const auto& running : streams_) {
    const Port& port = *ports_[running->stream.rx_port];
    const std::size_t ring = port.config().rx_ring != 0 ? port.config().rx_ring : port.Info().recommended_rx_ring;
    for (std::size_t bursts = 2 * ring / mempool::kDefaultBurst; bursts > 0; --bursts) {
      const std::size_t count = running->stream.rx->Receive(packets);
      if (count == 0) break;
      mempool::Pool::Free({packets, count});
      flushed_[port.number()] += mempool::CountPackets({packets, count});
    }
  }
}

absl::Status Forwarder::SendFirst(std::size_t bursts) {
  if (!FindForwardMode(config_.mode)->sends)
    return absl::FailedPreconditionError(absl::StrCat("tx_first: mode ", config_.mode, " sends nothing"));
  for (const auto& running : streams_) {
    auto engine = MakeForwardEngine("txonly", config_.engine, running->stream);
    if (!engine.ok()) return engine.status();
    for (std::size_t burst = 0; burst < bursts; ++burst) (*engine)->Poll(running->stream);
    (*engine)->End(running->stream);
    running->stream.tx->Send({});
  }
  return absl::OkStatus();
}

absl::Status Forwarder::Launch() {
  stop_.store(false, std::memory_order_relaxed);
  running_ = true;
  for (const auto& use : lcores_) {
    const absl::Status status = launcher_.RemoteLaunch(use->lcore, [this, &use = *use] { return Run(use); });
    if (!status.ok()) {
      Stop().IgnoreError();
      return status;
    }
  }
  return absl::OkStatus();
}

int Forwarder::Run(LcoreUse& use) {
  use.thread.store(gettid(), std::memory_order_relaxed);
  std::vector<RunningStream*> streams;
  for (std::size_t index : use.streams) streams.push_back(streams_[index].get());
  lcore::IdleGovernor governor(config_.idle, [&streams](std::vector<int>& descriptors) { return PrepareToSleep(streams, descriptors); });
  governor.MeasureWakes([&streams] { return FirstArrivalNs(streams); }, use.wakes);
  const auto poll = [&streams] {
    std::size_t packets = 0;
    for (RunningStream* running : streams) packets += Poll(*running);
    return packets;
  };
  const auto poll_with_cycles = [&streams] {
    std::size_t packets = 0;
    for (RunningStream* running : streams) {
      const uint64_t before = lcore::ReadCycles();
      const std::size_t handled = Poll(*running);
      if (handled != 0 || running->stream.busy) running->stream.stats.busy_cycles.Add(lcore::ReadCycles() - before);
      packets += handled;
    }
    return packets;
  };
  if (config_.record_core_cycles) {
    lcore::RunPollLoop(stop_, use.stats, poll_with_cycles, governor);
  } else if (config_.idle != lcore::IdleMode::kSpin) {
    lcore::RunPollLoop(stop_, use.stats, poll, governor);
  } else {
    lcore::RunPollLoop(stop_, use.stats, poll);
  }
  return 0;
}

// What an engine or a tx queue still holds needs polls.
bool Forwarder::PrepareToSleep(const std::vector<RunningStream*>& streams, std::vector<int>& descriptors) {
  for (RunningStream* running : streams) {
    const Stream& stream = running->stream;
    if (running->engine->HeldPackets() != 0) return false;
    if (stream.tx != nullptr) {
      stream.tx->Send({});
      if (stream.tx->Poll()) return false;
    }
    const int descriptor = stream.rx != nullptr ? stream.rx->PrepareToWait() : -1;
    if (descriptor < 0) return false;
    descriptors.push_back(descriptor);
  }
  return true;
}

// 0: none came, or nobody knows.
uint64_t Forwarder::FirstArrivalNs(const std::vector<RunningStream*>& streams) {
  uint64_t first = 0;
  for (const RunningStream* running : streams) {
    const uint64_t arrival = running->stream.rx->FirstArrivalNs();
    if (first == 0 || (arrival != 0 && arrival < first)) first = arrival;
  }
  return first;
}

absl::Status Forwarder::Stop() {
  if (!running_) return absl::FailedPreconditionError("Packet forwarding not started");
  Pause();
  for (const auto& running : streams_) {
    running->engine->End(running->stream);
    if (running->stream.tx != nullptr) running->stream.tx->Send({});  // what a queue still holds back
  }
  running_ = false;
  return absl::OkStatus();
}

void Forwarder::Pause() {
  stop_.store(true, std::memory_order_relaxed);
  launcher_.WaitAll();
}

std::vector<StreamTotals> Forwarder::Totals() const {
  std::vector<StreamTotals> totals;
  for (const auto& running : streams_) totals.push_back(TotalsOf(running->stream));
  return totals;
}

void Forwarder::CollectFrames(mempool::FrameAudit& audit) const {
  for (std::size_t index = 0; index < streams_.size(); ++index) {
    streams_[index]->engine->CollectFrames(absl::StrCat(config_.mode, " of stream ", index), audit);
  }
}

absl::Status Forwarder::SetObserver(BurstObserver* observer) {
  if (running_) Pause();
  for (const auto& running : streams_) running->stream.observer = observer;
  return running_ ? Launch() : absl::OkStatus();
}

bool Forwarder::Uses(std::size_t port) const {
  return running_ && std::find(config_.ports.begin(), config_.ports.end(), port) != config_.ports.end();
}

absl::Status Forwarder::ChangePort(std::size_t port, const std::function<absl::Status()>& change) {
  if (!Uses(port)) return change();
  std::vector<RunningStream*> streams;
  for (const auto& running : streams_) {
    if (running->stream.rx_port == port || running->stream.tx_port == port) streams.push_back(running.get());
  }
  const uint64_t number = ++changes_;
  const auto let_go = [&] {
    const bool generates = FindForwardMode(config_.mode)->generates;
    for (RunningStream* running : streams) {
      running->idle.store(generates && !ports_[running->stream.tx_port]->started() ? number : 0, std::memory_order_release);
    }
  };
  for (RunningStream* running : streams) running->idle.store(number, std::memory_order_release);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (RunningStream* running : streams) {
    while (running->quiet.load(std::memory_order_acquire) != number) {
      if (std::chrono::steady_clock::now() > deadline) {
        let_go();
        return absl::DeadlineExceededError(absl::StrCat("port ", port, ": an lcore has not left it for ", kPatience.count(),
                                                        " s (/pollux/watchdog of its telemetry says which stands still)"));
      }
      std::this_thread::yield();
    }
  }
  const absl::Status status = change();
  const pmd::MacAddress mac = ports_[port]->Info().mac;
  for (RunningStream* running : streams) {
    if (running->stream.tx_port == port) running->stream.tx_port_mac = mac;
    SetScattered(running->stream);
  }
  let_go();
  return status;
}

}  // namespace pollux::testpmd
