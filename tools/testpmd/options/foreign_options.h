// SPDX-License-Identifier: Apache-2.0
// Options of DPDK's testpmd that do not apply to kernel interfaces.
#ifndef TOOLS_TESTPMD_OPTIONS_FOREIGN_OPTIONS_H_
#define TOOLS_TESTPMD_OPTIONS_FOREIGN_OPTIONS_H_

#include <string>
#include <vector>

#include "tools/testpmd/options/option_table.h"

namespace pollux::testpmd {

// Adds two kinds. Those that change nothing of what a packet meets are accepted and listed in `without_meaning`, as typed: thresholds
// of descriptors, events, where DPDK puts its memory. Those that ask for an offload or a function that is not there are
// refused with the reason, since traffic would not be what was asked for.
void AddForeignOptions(OptionTable& table, std::vector<std::string>& without_meaning);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_OPTIONS_FOREIGN_OPTIONS_H_
