// SPDX-License-Identifier: Apache-2.0
// The results, as text, as JSON, and as a page with plots.
#ifndef TOOLS_PERFORMANCE_REPORT_REPORT_H_
#define TOOLS_PERFORMANCE_REPORT_REPORT_H_

#include <string>
#include <vector>

#include "tools/performance/campaign/campaign.h"

namespace pollux::performance {

// `command` is the whole command line: no figure is shown without it.
std::string TextReport(const Results& results, const std::string& command);
std::string JsonReport(const Results& results, const std::string& command);
std::string HtmlReport(const Results& results, const std::string& command);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_REPORT_REPORT_H_
