// SPDX-License-Identifier: Apache-2.0
// Testbed: a rig at work, for as long as a measurement needs it.
#ifndef TOOLS_PERFORMANCE_CAMPAIGN_TESTBED_H_
#define TOOLS_PERFORMANCE_CAMPAIGN_TESTBED_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/performance/contenders/contender.h"
#include "tools/performance/rig/cpu_usage.h"
#include "tools/performance/rig/sink.h"
#include "tools/performance/rig/source.h"

namespace pollux::performance {

// What is measured; a row of the report.
struct Work {
  WorkKind kind = WorkKind::kIo;
  Receiver receiver = Receiver::kXdp;
  uint32_t frame_bytes = 64;
  uint32_t flow_count = 1;   // of tcp: streams, all of them one way
  uint32_t queue_count = 1;  // of each port, all for the one worker; a flow stays in its queue
  double offered_pps = 0;    // 0: all that the source can
  bool latency = false;      // order and latency as well, at a cost
  bool idle = false;         // nothing comes, and the CPU time that the forwarder takes all the same is measured
  bool cycles = false;       // what the forwarder itself says a packet costs, where it can say so
  uint32_t end_cpus = 1;     // of tcp: 1: both pods on the source's CPU, 2: the receiving one on the forwarder's
  bool operator==(const Work&) const = default;
};
std::string WorkName(const Work& work);
// Of works that differ in nothing but the size.
std::string WorkNameWithoutSize(const Work& work);

// How it is measured.
struct Conditions {
  int source_cpu = 0;
  int forwarder_cpu = 1;
  double warm_up_s = 1;
  double measure_s = 3;
  double system_call_s = 0.3;  // a while of its own, after the measured one; 0: not counted
  double trial_s = 1;          // of a search for the highest rate without loss
  int trials = 10;             // at most
};

// Everything that counts, at one moment.
struct Moment {
  uint64_t offered = 0;   // what the source sent
  uint64_t taken = 0;     // of that, what the in port received; a forwarder that polls in the kernel leaves the rest in veth's ring
  uint64_t accepted = 0;  // of that, what the forwarder's XDP program sent on to a socket or device
  SinkSnapshot sink;
  SourceSnapshot source;
  CpuTimes cpu;
  // By queue of the in port, the same as `accepted`; where no program sends anything on: what was polled. Empty without a source.
  std::vector<uint64_t> queue_packets;
};

// An error if one of several queues got nothing: a figure of it would be one of fewer queues.
absl::Status CheckQueues(const std::vector<uint64_t>& queue_packets);

void Sleep(double seconds);

// Members end in reverse order: source, forwarder, sink, rig.
class Testbed {
 public:
  Testbed(const Work& work, const Conditions& conditions) : work_(work), conditions_(conditions) {}

  // Returns when the first packet came through, and one of every queue. `contender` null: the sink sits at the in port. With a
  // callgrind_file the contender runs under valgrind.
  absl::Status Start(const Contender* contender, const std::string& callgrind_file = "");
  // 0: all that the source can.
  void Offer(double packets_per_second);
  absl::StatusOr<Moment> Look() const;
  // Stops the source and returns when nothing arrives any more.
  absl::StatusOr<Moment> Settle();
  // What came through: counted by the sink, or where nothing is sent on, by the in port.
  uint64_t Delivered(const Moment& moment) const;
  absl::Status End();
  RunningContender* forwarder() { return forwarder_.get(); }

 private:
  absl::StatusOr<Moment> LookOnce() const;
  absl::Status StartSource();
  absl::Status WaitForFirstPacket(double timeout_s);

  const Work work_;
  const Conditions conditions_;
  std::unique_ptr<Rig> rig_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<RunningContender> forwarder_;
  std::unique_ptr<Source> source_;
};

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CAMPAIGN_TESTBED_H_
