// SPDX-License-Identifier: Apache-2.0
// net_af_xdp passes the contract suite on a veth pair, natively and generically.
#include <string>

#include "tests/pmd/af_xdp/veth_pair.h"
#include "tests/pmd/driver_contract.h"

namespace pollux::pmd {
namespace {

class VethRig final : public DriverRig {
 public:
  explicit VethRig(std::string arguments) : arguments_(std::move(arguments)) {
    if (support::NetworkNamespace::MayCreate()) pair_ = support::VethPair::Create();
  }

  std::string SkipReason() const override { return pair_ == nullptr ? "network namespaces need CAP_SYS_ADMIN" : ""; }
  std::string SenderText() const override { return "net_af_xdp0,iface=x0," + arguments_; }
  std::string ReceiverText() const override { return "net_af_xdp1,iface=x1," + arguments_; }
  RigTraits Traits() const override {
    // A veth passes frames of its MTU, the Ethernet header and one VLAN tag.
    // Without a native program its receiving end forgets the queue that a frame was sent on.
    const bool native = arguments_ != "mode=skb";
    return {.keeps_queue = native, .has_limit = true, .minimum_length = 14, .maximum_length = 1518, .too_long = 1519};
  }

 private:
  const std::string arguments_;
  std::unique_ptr<support::VethPair> pair_;
};

DriverCase Case(const std::string& name, const std::string& arguments) {
  return {name, [arguments] { return std::make_unique<VethRig>(arguments); }};
}

INSTANTIATE_TEST_SUITE_P(AfXdp, DriverContract,
                         testing::Values(Case("native", "mode=drv"), Case("generic", "mode=skb"), Case("wakeupOff", "need_wakeup=0"),
                                         Case("busyPolling", "busy_budget=64")),
                         DriverCaseName);

}  // namespace
}  // namespace pollux::pmd
