// SPDX-License-Identifier: Apache-2.0
// SessionView: what telemetry shows of a session.
#ifndef TOOLS_TESTPMD_SESSION_SESSION_VIEW_H_
#define TOOLS_TESTPMD_SESSION_SESSION_VIEW_H_

#include <memory>
#include <vector>

#include "lcore/launcher.h"
#include "pmd/process_view.h"
#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/port.h"
#include "tools/testpmd/session/memory_setup.h"
#include "tools/testpmd/session/numa_map.h"
#include "tools/testpmd/session/watchdog.h"

namespace pollux::testpmd {

// Everything it looks at outlives it.
class SessionView final : public pmd::ProcessView {
 public:
  SessionView(const lcore::Launcher& launcher, const NumaMap& numa, const MemorySetup& memory,
              const std::vector<std::unique_ptr<Port>>& ports, const Forwarder& forwarder, const Watchdog& watchdog)
      : launcher_(launcher), numa_(numa), memory_(memory), ports_(ports), forwarder_(forwarder), watchdog_(watchdog) {}

  std::vector<pmd::PortView> Ports() const override {
    std::vector<pmd::PortView> views;
    for (const auto& port : ports_) {
      if (port->device_or_null() == nullptr) continue;
      views.push_back({.number = port->number(),
                       .device = port->device_or_null(),
                       .config = port->config(),
                       .configured = port->configured(),
                       .started = port->started(),
                       .reopened = ReopenedOf(port->number()),
                       .taps = &port->taps(),
                       .flows = port->flows(),
                       .flow_port = static_cast<uint32_t>(port->number()),
                       .flow_role = port->flow_role()});
    }
    return views;
  }

  std::vector<std::shared_ptr<const mempool::Pool>> Pools() const override {
    std::vector<std::shared_ptr<const mempool::Pool>> pools;
    for (const auto& [node, pool] : memory_.pools()) pools.push_back(pool);
    return pools;
  }

  std::vector<pmd::LcoreView> Lcores() const override {
    std::vector<pmd::LcoreView> views;
    for (const lcore::LcoreSpec& lcore : launcher_.plan().lcores) {
      views.push_back(
          {.id = lcore.id, .main = lcore.id == launcher_.plan().main_lcore, .cpus = lcore.cpus, .numa_node = numa_.NodeOfLcore(lcore.id)});
      for (const auto& use : forwarder_.lcores()) {
        if (use->lcore != lcore.id) continue;
        views.back().loop = &use->stats;
        views.back().wakes = &use->wakes;
      }
      if (const auto stall = watchdog_.lcores().find(lcore.id); stall != watchdog_.lcores().end()) views.back().stall = &stall->second;
    }
    return views;
  }

 private:
  uint64_t ReopenedOf(std::size_t port) const {
    const auto entry = watchdog_.reopened().find(port);
    return entry == watchdog_.reopened().end() ? 0 : entry->second;
  }

  const lcore::Launcher& launcher_;
  const NumaMap& numa_;
  const MemorySetup& memory_;
  const std::vector<std::unique_ptr<Port>>& ports_;
  const Forwarder& forwarder_;
  const Watchdog& watchdog_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_SESSION_VIEW_H_
