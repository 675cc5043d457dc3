// SPDX-License-Identifier: Apache-2.0
// A process of two net_null ports and one lcore, as telemetry sees it.
#ifndef TESTS_PMD_TELEMETRY_TELEMETRY_FIXTURE_H_
#define TESTS_PMD_TELEMETRY_TELEMETRY_FIXTURE_H_

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "pmd/drivers.h"
#include "pmd/process_view.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd {

class TwoPorts final : public ProcessView {
 public:
  TwoPorts() : pool_(support::MakePool()) {
    for (const char* text : {"net_null0", "net_null1"}) {
      devices_.push_back(*OpenDevice(text));
      EXPECT_TRUE(devices_.back()->Configure({.rx_queues = 2, .tx_queues = 2, .pool = pool_}).ok());
      EXPECT_TRUE(devices_.back()->Start().ok());
    }
    loop_.busy_cycles.Add(30);
    loop_.idle_cycles.Add(70);
    wakes_.Add(1500);
    wakes_.Add(50'000'000);
    wakes_.AddUnmeasured();
  }

  std::vector<PortView> Ports() const override {
    std::vector<PortView> views;
    for (std::size_t number = 0; number < devices_.size(); ++number) {
      views.push_back({.number = number,
                       .device = devices_[number].get(),
                       .config = {.rx_queues = 2, .tx_queues = 2, .pool = pool_},
                       .configured = configured,
                       .started = configured,
                       .flows = flows,
                       .flow_port = static_cast<uint32_t>(10 + number),
                       .flow_role = number == 0 ? FlowRole::kOutput : FlowRole::kInputAndOutput});
    }
    return views;
  }
  std::vector<std::shared_ptr<const mempool::Pool>> Pools() const override { return {pool_}; }
  std::vector<LcoreView> Lcores() const override {
    return {{.id = 0, .main = true, .cpus = {0}}, {.id = 3, .cpus = {1}, .loop = &loop_, .wakes = &wakes_}};
  }

  Device& device(std::size_t number) { return *devices_[number]; }
  const mempool::Pool& pool() const { return *pool_; }

  bool configured = true;
  std::shared_ptr<const FlowTable> flows;

 private:
  std::shared_ptr<mempool::Pool> pool_;
  std::vector<std::unique_ptr<Device>> devices_;
  lcore::PollLoopStats loop_;
  lcore::WakeHistogram wakes_;
};

}  // namespace pollux::pmd

#endif  // TESTS_PMD_TELEMETRY_TELEMETRY_FIXTURE_H_
