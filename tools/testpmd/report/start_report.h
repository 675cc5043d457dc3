// SPDX-License-Identifier: Apache-2.0
// What was asked for at the start, and what was got.
#ifndef TOOLS_TESTPMD_REPORT_START_REPORT_H_
#define TOOLS_TESTPMD_REPORT_START_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "mempool/region.h"
#include "pmd/feature_state.h"

namespace pollux::testpmd {

// Where the parts of a port's forwarding are; nullopt: nobody knows.
struct PortNodes {
  std::optional<unsigned> port;
  std::optional<unsigned> memory;
  std::vector<std::optional<unsigned>> lcores;
};

// "hugepages" and "numa", as --require knows them, for a port whose frames are in a region.
pmd::FeatureState HugepageState(const mempool::RegionReport& report);
pmd::FeatureState NumaState(const PortNodes& nodes);

// The device's own states, and of the others those that it does not report itself.
std::vector<pmd::FeatureState> MergeFeatures(std::vector<pmd::FeatureState> device, const std::vector<pmd::FeatureState>& others);

// A heading and a table, a line a state: queue, feature, asked, got, reason. With `colour` what is not in effect is yellow.
std::string FormatFeatures(const std::string& port, const std::vector<pmd::FeatureState>& states, bool colour);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_REPORT_START_REPORT_H_
