// SPDX-License-Identifier: Apache-2.0
// net_af_xdp passes the contract suite in zero-copy mode, on the two ends of a guest's wire (port0, port1).
#include <cstdlib>
#include <string>

#include "pmd/drivers.h"
#include "tests/pmd/driver_contract.h"

namespace pollux::pmd {
namespace {

class WireRig final : public DriverRig {
 public:
  explicit WireRig(std::string arguments) : arguments_(std::move(arguments)) {}

  std::string SkipReason() const override { return OpenDevice(SenderText()).ok() ? "" : "there is no port0: this runs in a guest"; }
  std::string SenderText() const override { return "net_af_xdp0,iface=port0,bind_mode=zerocopy" + arguments_; }
  std::string ReceiverText() const override { return "net_af_xdp1,iface=port1,bind_mode=zerocopy" + arguments_; }
  RigTraits Traits() const override {
    // One queue: the wire of several (taps) would choose among them by a hash of what the suite's packets hold, which is noise.
    return {.has_limit = true, .maximum_queues = 1, .minimum_length = 14, .maximum_length = 1518, .too_long = 1519, .packets = 1000};
  }

 private:
  const std::string arguments_;
};

DriverCase Case(const std::string& name, const std::string& arguments) {
  return {name, [arguments] { return std::make_unique<WireRig>(arguments); }};
}

INSTANTIATE_TEST_SUITE_P(ZeroCopy, DriverContract, testing::Values(Case("needWakeup", ""), Case("wakeupOff", ",need_wakeup=0")),
                         DriverCaseName);

}  // namespace
}  // namespace pollux::pmd
