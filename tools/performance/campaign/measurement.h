// SPDX-License-Identifier: Apache-2.0
// One measurement: a contender, on a rig of its own, does one work for a while.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_MEASUREMENT_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_MEASUREMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/performance/campaign/testbed.h"
#include "tools/performance/contenders/contender.h"
#include "tools/performance/rig/cpu_usage.h"
#include "tools/performance/rig/histogram.h"

namespace pollux::performance {

struct Measurement {
  double seconds = 0;
  double offered_pps = 0;       // what the source sent
  double taken_pps = 0;         // of that, what the forwarder's in port received
  double delivered_pps = 0;     // what arrived at the sink; rxonly: what the forwarder's socket took
  double loss = 0;              // share of what was offered; 0 for txonly
  bool source_limited = false;  // everything that was offered arrived: the contender may be faster than this
  double source_pause_us = 0;   // the longest
  uint64_t source_pauses = 0;   // longer than 100 us
  uint64_t source_batches = 0;
  std::vector<uint64_t> queue_packets;  // that the forwarder got, by queue of its in port; empty without a source

  // Of tcp, instead of all that is counted in packets.
  double bits_per_second = 0;
  uint64_t retransmissions = 0;
  std::string pod_settings;  // of `ethtool -K`, in the pods; empty: as they were made

  CpuTimes cpu;  // the forwarder's CPU
  // Of the thread that used most of it: nanoseconds for every delivered packet. By sampling.
  std::string worker;
  double user_ns_per_packet = 0;
  double kernel_ns_per_packet = 0;
  double foreign_share = 0;  // of the forwarder's CPU, used by nobody of the run: a disturbed measurement
  std::optional<double> system_calls_per_packet;
  std::optional<double> idle_cores;              // CPUs that the forwarder kept busy while nothing came; nothing where that is no process
  std::optional<double> busy_cycles_per_packet;  // the forwarder's own words: cycles of rounds that had packets, polls of none left out
  std::string busy_stages;                       // likewise: how they are made up; empty if it does not tell

  uint64_t reordered = 0;
  Histogram latency_ns;     // from the source to the sink
  Histogram round_trip_ns;  // and back
};

inline constexpr double kSourceLimitedLoss = 0.01;  // less loss than this at full rate: the source was the bottleneck
inline constexpr double kDisturbedShare = 0.02;     // more foreign use than this: disturbed
inline constexpr double kSteadyPause_us = 100;

absl::StatusOr<Measurement> Measure(const Contender& contender, const Work& work, const Conditions& conditions);

// What the source alone delivers into a sink at the forwarder's place: no contender can be faster.
absl::StatusOr<Measurement> MeasureSource(const Work& work, const Conditions& conditions);

// The figure in testpmd's closing report; nothing if there is none.
std::optional<double> FindBusyCycles(const std::string& output);

// The line below it that tells stages, such as "receive=20.10, mode=3.00, send=500.20 (with system calls)"; empty if there is none.
std::string FindBusyStages(const std::string& output);

// What happened between two moments, without what samplers add.
Measurement Compare(const Testbed& testbed, const Work& work, const Moment& begin, const Moment& end);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_MEASUREMENT_H_
