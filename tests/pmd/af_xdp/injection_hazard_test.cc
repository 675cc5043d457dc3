// SPDX-License-Identifier: Apache-2.0
// What injection may do to the machine at its worst, for a moment. injection_hazards takes its time, and is stricter.
#include <chrono>
#include <cstdio>

#include <gtest/gtest.h>

#include "tests/pmd/af_xdp/injection_hazard.h"
#include "tools/support/patience.h"

namespace pollux::support {
namespace {

using std::chrono::milliseconds;

constexpr uint32_t kMostPools = 4000;
// Without an end to the pools a send took up to 900 ms.
constexpr milliseconds kLongestSend(500);

class InjectionHazardTest : public testing::TestWithParam<const char*> {
 protected:
  void Run(bool reading) {
    if (!NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    const auto hazard = InjectionHazard::Create();
    ASSERT_NE(hazard, nullptr);
    const HazardFindings found = hazard->Run({.engine = GetParam(), .reading = reading});
    std::printf("%s", Describe(found).c_str());
    EXPECT_GT(found.packets, 1000u);
    EXPECT_LT(found.most_pools, kMostPools);
    EXPECT_LT(found.most_objects, kMostPools);
    EXPECT_LT(found.longest_for_itself.own(), Patience(kLongestSend));
    EXPECT_LT(found.binding, Patience(milliseconds(3000)));
  }
};
INSTANTIATE_TEST_SUITE_P(Policies, InjectionHazardTest, testing::Values("inject", "auto"), [](const auto& policy) { return policy.param; });

TEST_P(InjectionHazardTest, ASocketThatIsReadTooSlowly) {
  Run(true);
}

TEST_P(InjectionHazardTest, ASocketThatIsNeverRead) {
  Run(false);
}

}  // namespace
}  // namespace pollux::support
