// SPDX-License-Identifier: Apache-2.0
// The command line of a performance run.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_CAMPAIGN_OPTIONS_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_CAMPAIGN_OPTIONS_H_

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/performance/campaign/measurement.h"
#include "tools/performance/contenders/contender.h"

namespace pollux::performance {

struct CampaignOptions {
  ContenderOptions contenders;
  std::vector<Work> works;
  Conditions conditions;
  int rounds = 5;
  bool loss_free = false;        // search the highest rate without loss, for every row and contender
  bool latency = false;          // the latency at 10 and 50 percent of the smallest of them; receivers that run XDP
  bool cost = false;             // the cost of a packet at half of what the source can
  bool idle = false;             // the CPU time of forwarders while nothing comes
  double deadline_s = 0;         // what would begin later is left out, and counted; 0: none
  bool instructions = false;     // user-space instructions a packet under callgrind, for contenders that are programs
  std::string callgrind_folder;  // where the profiles go; empty: nowhere
  std::string json_file;         // "-": stdout
  std::string html_file;
  bool help = false;
};

std::string Usage();

// `arguments` without the program's name.
absl::StatusOr<CampaignOptions> ParseCampaignOptions(const std::vector<std::string>& arguments);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_CAMPAIGN_OPTIONS_H_
