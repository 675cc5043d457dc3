// SPDX-License-Identifier: Apache-2.0
// The page of one or more runs, over each other.
#ifndef TOOLS_PLOT_RUN_PAGE_H_
#define TOOLS_PLOT_RUN_PAGE_H_

#include <string>
#include <utility>
#include <vector>

#include "tools/plot/run_series.h"

namespace pollux::plot {

// Each with the name that its curves have; of one run they need none.
std::string RunPage(const std::vector<std::pair<std::string, RunSeries>>& runs);

}  // namespace pollux::plot

#endif  // TOOLS_PLOT_RUN_PAGE_H_
