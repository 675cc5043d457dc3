// SPDX-License-Identifier: Apache-2.0
// net_af_xdp passes the contract suite on a veth pair, natively and generically.
#include <sched.h>

#include <optional>
#include <string>

#include "pmd/visible_region.h"
#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/pmd/driver_contract.h"
#include "tests/support/pool_fixture.h"

namespace pollux::pmd {
namespace {

class VethRig final : public DriverRig {
 public:
  explicit VethRig(std::string arguments) : arguments_(std::move(arguments)) {
    if (Injects()) on_first_cpu_.emplace();
    if (support::NetworkNamespace::MayCreate()) pair_ = support::VethPair::Create();
  }

  std::string SkipReason() const override { return pair_ == nullptr ? "network namespaces need CAP_SYS_ADMIN" : ""; }
  std::string SenderText() const override { return "net_af_xdp0,iface=x0," + arguments_; }
  std::string ReceiverText() const override { return "net_af_xdp1,iface=x1," + arguments_; }
  RigTraits Traits() const override {
    // A veth passes frames of its MTU, the Ethernet header and one VLAN tag.
    // Without a native program its receiving end forgets the queue that a frame was sent on.
    const bool keeps_queue = arguments_.find("mode=skb") == std::string::npos && !Injects();
    return {.keeps_queue = keeps_queue, .has_limit = true, .minimum_length = 14, .maximum_length = 1518, .too_long = 1519};
  }
  std::shared_ptr<mempool::Pool> MakePool(const mempool::PoolOptions& options) const override {
    return Injects() ? support::MakePool(options, &CreateVisibleRegion) : support::MakePool(options);
  }

 private:
  bool Injects() const { return arguments_.find("tx=ring") == std::string::npos; }

  // Injected frames arrive on the queue of the CPU that sent them: those of CPU 0 on queue 0, in order.
  struct OnFirstCpu {
    OnFirstCpu() {
      sched_getaffinity(0, sizeof(before), &before);
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(0, &one);
      sched_setaffinity(0, sizeof(one), &one);
    }
    ~OnFirstCpu() { sched_setaffinity(0, sizeof(before), &before); }
    cpu_set_t before;
  };

  const std::string arguments_;
  std::optional<OnFirstCpu> on_first_cpu_;
  std::unique_ptr<support::VethPair> pair_;
};

DriverCase Case(const std::string& name, const std::string& arguments) {
  return {name, [arguments] { return std::make_unique<VethRig>(arguments); }};
}

INSTANTIATE_TEST_SUITE_P(AfXdp, DriverContract,
                         testing::Values(Case("native", "mode=drv,tx=ring"), Case("generic", "mode=skb,tx=ring"),
                                         Case("wakeupOff", "need_wakeup=0,tx=ring"), Case("busyPolling", "busy_budget=64,tx=ring"),
                                         Case("inject", "tx=inject"), Case("cheapest", "tx=auto")),
                         DriverCaseName);

}  // namespace
}  // namespace pollux::pmd
