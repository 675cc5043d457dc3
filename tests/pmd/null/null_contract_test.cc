// SPDX-License-Identifier: Apache-2.0
#include "tests/pmd/driver_contract.h"

namespace pollux::pmd {
namespace {

class NullRig : public DriverRig {
 public:
  explicit NullRig(std::string arguments) : arguments_(std::move(arguments)) {}
  std::string SenderText() const override { return "net_null0" + arguments_; }
  RigTraits Traits() const override { return {.returns = false, .sources = true, .maximum_length = 1792}; }

 private:
  const std::string arguments_;
};

DriverCase Case(const char* name, const char* arguments) {
  return {name, [arguments] { return std::make_unique<NullRig>(arguments); }};
}

INSTANTIATE_TEST_SUITE_P(Null, DriverContract, testing::Values(Case("Plain", ""), Case("CopyOf200", ",size=200,copy=1")), DriverCaseName);

}  // namespace
}  // namespace pollux::pmd
