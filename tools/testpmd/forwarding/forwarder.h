// SPDX-License-Identifier: Apache-2.0
// Forwarder: streams on lcores, started and stopped.
#ifndef TOOLS_TESTPMD_FORWARDING_FORWARDER_H_
#define TOOLS_TESTPMD_FORWARDING_FORWARDER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "lcore/idle_governor.h"
#include "lcore/launcher.h"
#include "lcore/poll_loop.h"
#include "lcore/wake_histogram.h"
#include "tools/testpmd/engines/forward_engine.h"
#include "tools/testpmd/forwarding/port.h"
#include "tools/testpmd/forwarding/port_topology.h"
#include "tools/testpmd/forwarding/stream_map.h"
#include "tools/testpmd/forwarding/stream_totals.h"

namespace pollux::testpmd {

// What `start` will do; console commands change it.
struct ForwardConfig {
  std::string mode = "io";
  PortTopology topology = PortTopology::kPaired;
  std::vector<std::size_t> ports;
  std::vector<unsigned> lcores;  // as many of them as lcore_count says
  std::size_t lcore_count = 1;
  std::size_t rx_queues = 1;
  std::size_t tx_queues = 1;
  std::size_t burst = mempool::kDefaultBurst;
  RetryOptions retry;
  std::map<std::size_t, pmd::MacAddress> peers;
  std::map<std::size_t, ChecksumSet> device_checksums;  // csum set: of the port that sends
  bool tx_timestamps = false;                           // set tx-timestamps: txonly asks when packets went out, on ports that tell
  EngineOptions engine;
  bool flush_rx = true;
  lcore::IdleMode idle = lcore::IdleMode::kSpin;
  bool record_core_cycles = false;
  bool record_burst_stats = false;

  // Of --eth-peer, or DPDK's 02:00:00:00:00:PORT.
  pmd::MacAddress PeerOf(std::size_t port) const;
  std::vector<StreamEnds> Streams() const;
  std::vector<LcoreStreams> Assignment() const;
};

// An lcore while it forwards, and afterwards.
struct LcoreUse {
  unsigned lcore = 0;
  std::vector<std::size_t> streams;
  std::atomic<int> thread{0};  // gettid(2), once it runs
  lcore::PollLoopStats stats;
  lcore::WakeHistogram wakes;
};

// Belongs to the main lcore; the lcores see only their streams.
class Forwarder {
 public:
  // Both outlive the forwarder.
  Forwarder(lcore::Launcher& launcher, std::vector<std::unique_ptr<Port>>& ports) : launcher_(launcher), ports_(ports) {}
  ~Forwarder();

  // All ports of the configuration must be started. A failure leaves nothing running.
  absl::Status Start(const ForwardConfig& config, std::size_t tx_first_bursts, BurstObserver* observer);
  // Waits for the lcores, and lets the engines send or free what they hold. Streams and lcores can be read until the next Start.
  absl::Status Stop();

  bool running() const { return running_; }
  // Of the last Start.
  const ForwardConfig& config() const { return config_; }
  std::vector<StreamTotals> Totals() const;
  const std::vector<std::unique_ptr<LcoreUse>>& lcores() const { return lcores_; }
  // Packets thrown away before the last start, by port.
  const std::map<std::size_t, uint64_t>& flushed() const { return flushed_; }
  // Frames that engines hold. Only while not running.
  void CollectFrames(mempool::FrameAudit& audit) const;
  // Null: nobody looks. A running forwarder pauses for it.
  absl::Status SetObserver(BurstObserver* observer);
  // True for a port that lcores may be at.
  bool Uses(std::size_t port) const;
  // Changes a port (stop, start, another address) while no lcore is at it; streams between other ports go on meanwhile. Afterwards its
  // streams write its address of now, and none makes packets for it unless it is started: they would only be dropped. DEADLINE_EXCEEDED,
  // and nothing was changed: an lcore has not left it within kPatience.
  static constexpr std::chrono::seconds kPatience{30};
  absl::Status ChangePort(std::size_t port, const std::function<absl::Status()>& change);

 private:
  struct RunningStream {
    Stream stream;
    std::unique_ptr<ForwardEngine> engine;
    std::atomic<uint64_t> idle{0};   // not to be polled, by the change of this number; 0: to be polled
    std::atomic<uint64_t> quiet{0};  // the lcore has seen that number, and leaves everything of the stream to the main lcore
  };
  static std::size_t Poll(RunningStream& running) {
    if (const uint64_t change = running.idle.load(std::memory_order_acquire); change != 0) [[unlikely]] {
      running.quiet.store(change, std::memory_order_release);
      return 0;
    }
    return running.engine->Poll(running.stream);
  }

  static uint64_t FirstArrivalNs(const std::vector<RunningStream*>& streams);
  static bool PrepareToSleep(const std::vector<RunningStream*>& streams, std::vector<int>& descriptors);
  absl::Status MakeStreams(BurstObserver* observer);
  void SetScattered(Stream& stream) const;
  void FlushRxQueues();
  absl::Status SendFirst(std::size_t bursts);
  absl::Status Launch();
  void Pause();
  int Run(LcoreUse& use);

  lcore::Launcher& launcher_;
  std::vector<std::unique_ptr<Port>>& ports_;
  ForwardConfig config_;
  bool running_ = false;
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<RunningStream>> streams_;
  std::vector<std::unique_ptr<LcoreUse>> lcores_;
  std::map<std::size_t, uint64_t> flushed_;
  uint64_t changes_ = 0;  // numbers them
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_FORWARDER_H_
