// SPDX-License-Identifier: Apache-2.0
#include "tests/pmd/driver_contract.h"

namespace pollux::pmd {
namespace {

class RingRig : public DriverRig {
 public:
  explicit RingRig(std::string receiver) : receiver_(std::move(receiver)) {}
  std::string SenderText() const override { return "net_ring0"; }
  std::string ReceiverText() const override { return receiver_; }
  RigTraits Traits() const override { return {.maximum_length = 1792}; }

 private:
  const std::string receiver_;
};

DriverCase Case(const char* name, const char* receiver) {
  return {name, [receiver] { return std::make_unique<RingRig>(receiver); }};
}

INSTANTIATE_TEST_SUITE_P(Ring, DriverContract, testing::Values(Case("Loopback", ""), Case("Pair", "net_ring1,peer=net_ring0")),
                         DriverCaseName);

}  // namespace
}  // namespace pollux::pmd
