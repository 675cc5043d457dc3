// SPDX-License-Identifier: Apache-2.0
// Contender: somebody who does the work, on the rig's two ports and one CPU.
#ifndef TOOLS_PERFORMANCE_CONTENDERS_CONTENDER_H_
#define TOOLS_PERFORMANCE_CONTENDERS_CONTENDER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "tools/performance/rig/rig.h"

namespace pollux::performance {

struct Assignment {
  WorkKind kind = WorkKind::kIo;
  uint32_t frame_bytes = 64;
  uint32_t queue_count = 1;  // of each port; the worker serves all
  int forwarder_cpu = 1;
  int other_cpu = 0;           // for what else the contender runs, and the source
  bool record_cycles = false;  // count the cycles of rounds that had packets, and say so at the end
  std::string callgrind_file;  // run under valgrind, which counts instructions and dumps them to this file, .1, .2, ...
};

// A contender at work on a rig. The destructor ends it.
class RunningContender {
 public:
  virtual ~RunningContender() = default;
  // The process that forwards; for the kernel itself the thread that polls, or -1 if it polls in whoever sends.
  virtual pid_t process() const = 0;
  // OK while it can work; else why not, with its last words.
  virtual absl::Status Check() = 0;
  // Ends it in good order. An error if it ended with another exit code than 0.
  virtual absl::Status Stop() = 0;
  // What a process wrote; empty for the kernel.
  virtual std::string Output() const { return ""; }
};

class Contender {
 public:
  virtual ~Contender() = default;
  virtual const std::string& name() const = 0;
  // One line: what runs, with the options that matter.
  virtual std::string Description() const = 0;
  // The version of a peer, where it tells one.
  virtual std::string Version() const { return ""; }
  // NOT_FOUND if it is not installed or not built.
  virtual absl::Status Available() const = 0;
  virtual bool Can(WorkKind kind, uint32_t queue_count) const = 0;
  // What `ethtool -K` has to set in pods before TCP connects through it; empty if they may stay as they are.
  virtual std::string PodSettings() const { return ""; }
  // It is a program, whose system calls can be counted.
  virtual bool IsProgram() const = 0;
  // And its instructions.
  virtual bool RunsUnderCallgrind() const { return IsProgram(); }
  virtual absl::StatusOr<std::unique_ptr<RunningContender>> Start(const Rig& rig, const Assignment& assignment) const = 0;
};

struct ContenderOptions {
  std::string testpmd;                        // path of ours
  std::string broker;                         // path of pollux-broker
  std::string dpdk_testpmd = "dpdk-testpmd";  // path or name of DPDK's
  std::string dpdk_preload;                   // combined_channels.so, for DPDK with several queues
  std::string ovs;                            // path of tools/ovs
  std::string ovs_programs;                   // the folder that `tools/ovs build` printed
  int rx_ring = 0;                            // descriptors of every testpmd's rx rings; 0: its own default
  std::vector<std::string> names;             // in this order; the first is what the others are compared with
};

// What --contenders may name.
std::vector<std::string> ContenderNames();
// INVALID_ARGUMENT for an unknown name.
absl::StatusOr<std::vector<std::unique_ptr<Contender>>> MakeContenders(const ContenderOptions& options);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CONTENDERS_CONTENDER_H_
