// SPDX-License-Identifier: Apache-2.0
// A cell of the results in the figures that are shown: medians over its rounds.
#ifndef TOOLS_PERFORMANCE_REPORT_SUMMARY_H_
#define TOOLS_PERFORMANCE_REPORT_SUMMARY_H_

#include <optional>
#include <string>
#include <vector>

#include "tools/performance/campaign/campaign.h"
#include "tools/performance/campaign/statistics.h"

namespace pollux::performance {

struct Summary {
  Spread pps;
  Spread bits_per_second;        // of tcp, instead
  Spread ratio;                  // of the one or the other, to the row's first contender that took part, round by round
  uint64_t retransmissions = 0;  // of all rounds
  double loss = 0;
  double user_ns_per_packet = 0;
  double kernel_ns_per_packet = 0;
  Spread user_ratio;  // of user_ns_per_packet, likewise
  std::optional<double> system_calls_per_packet;
  std::optional<double> busy_cycles_per_packet;
  std::optional<Spread> idle_cores;
  std::string busy_stages;                                                     // of the round that is the median
  double user_share = 0, system_share = 0, softirq_share = 0, idle_share = 0;  // of the forwarder's CPU
  Spread loss_free_pps;
  Spread loss_free_ratio;
  uint64_t reordered = 0;
  std::vector<uint64_t> queue_packets;  // that it got in all rounds, by queue
  Histogram latency_ns;                 // of all rounds
  Histogram round_trip_ns;              // likewise
  std::vector<std::string> notes;       // what a reader must know before using the figures
};

// By contender; nothing for those that took no part or never succeeded.
std::vector<std::optional<Summary>> Summarize(const Row& row);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_REPORT_SUMMARY_H_
