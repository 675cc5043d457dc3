// SPDX-License-Identifier: Apache-2.0
// Campaign: all measurements of a run, in an order that is fair, and what they gave.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_CAMPAIGN_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_CAMPAIGN_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/performance/campaign/campaign_options.h"
#include "tools/performance/campaign/measurement.h"
#include "tools/performance/campaign/progress.h"
#include "tools/performance/contenders/contender.h"

namespace pollux::performance {

// What one contender did in one row.
struct Cell {
  std::vector<std::optional<Measurement>> rounds;  // by round; nothing where it failed
  std::vector<double> loss_free_pps;               // by round, if searched
  std::optional<double> instructions_per_packet;   // in user space, if counted
  std::string profile;                             // of callgrind, if counted
  std::vector<std::string> errors;
  bool not_applicable = false;
};

struct Row {
  Work work;
  std::optional<Measurement> source_alone;  // at full rate, where a source is at work
  std::vector<Cell> cells;                  // by contender
};

struct ContenderInformation {
  std::string name;
  std::string description;
  std::string version;
  std::string missing;  // why it takes no part; empty if it does
};

struct Results {
  std::vector<std::pair<std::string, std::string>> machine;
  std::vector<ContenderInformation> contenders;
  std::vector<Row> rows;
  int left_out = 0;  // measurements that did not begin before the deadline
};

// Rows one after the other; within a row round by round, and in each round every contender once, so that what changes on the machine
// meets all of them. A measurement that fails is written down and the rest goes on.
Results RunCampaign(const CampaignOptions& options, const std::vector<std::unique_ptr<Contender>>& contenders, Progress* progress);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_CAMPAIGN_H_
