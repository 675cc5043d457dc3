// SPDX-License-Identifier: Apache-2.0
// ProcessView: what a process shows of itself to those who look from outside.
#ifndef PMD_PROCESS_VIEW_H_
#define PMD_PROCESS_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lcore/core_set.h"
#include "lcore/loop_watch.h"
#include "lcore/poll_loop.h"
#include "lcore/wake_histogram.h"
#include "mempool/pool.h"
#include "pmd/device.h"

namespace pollux::pmd {

class PortTaps;  // tap/port_taps.h

struct PortView {
  std::size_t number = 0;
  const Device* device = nullptr;
  DeviceConfig config;      // of the last Configure
  bool configured = false;  // else there are no queues, and nothing is counted
  bool started = false;
  uint64_t reopened = 0;                   // times that a watchdog did, for a queue that stood still
  PortTaps* taps = nullptr;                // null: its packets cannot be captured
  std::shared_ptr<const FlowTable> flows;  // null: it uses none (Device::UseFlows)
  uint32_t flow_port = 0;                  // its number there
  FlowRole flow_role = FlowRole::kOutput;
};

struct LcoreView {
  unsigned id = 0;
  bool main = false;
  lcore::CoreSet cpus;
  std::optional<unsigned> numa_node;
  const lcore::PollLoopStats* loop = nullptr;      // null: it polls nothing
  const lcore::WakeHistogram* wakes = nullptr;     // null: it never sleeps, or nobody measures
  const lcore::LoopWatch::Stall* stall = nullptr;  // null: it does not stand still, or nobody watches
};

// Implemented by the application. Called by Telemetry::Poll alone, so in the thread that opens, configures and closes the ports: what is
// returned need not outlive that call.
class ProcessView {
 public:
  virtual ~ProcessView() = default;

  // Those that are open, by rising number.
  virtual std::vector<PortView> Ports() const = 0;
  virtual std::vector<std::shared_ptr<const mempool::Pool>> Pools() const = 0;
  virtual std::vector<LcoreView> Lcores() const { return {}; }
};

}  // namespace pollux::pmd

#endif  // PMD_PROCESS_VIEW_H_
