// SPDX-License-Identifier: Apache-2.0
// The machine that a figure was got on.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_MACHINE_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_MACHINE_H_

#include <string>
#include <utility>
#include <vector>

namespace pollux::performance {

// Names and values, in the order to be shown: processor, cores, kernel, hypervisor, governor, mitigations, memory, load.
std::vector<std::pair<std::string, std::string>> DescribeMachine();

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_MACHINE_H_
