// SPDX-License-Identifier: Apache-2.0
// A program with testpmd's command line: ours, and DPDK's.
#ifndef TOOLS_PERFORMANCE_CONTENDERS_TESTPMD_CONTENDER_H_
#define TOOLS_PERFORMANCE_CONTENDERS_TESTPMD_CONTENDER_H_

#include <memory>
#include <string>
#include <vector>

#include "tools/performance/contenders/contender.h"

namespace pollux::performance {

struct TestpmdContenderOptions {
  std::string name;
  std::string program;                   // path or name
  std::string device_arguments;          // behind iface=..., with its comma: ",tx=ring"
  std::vector<std::string> eal_options;  // before --
  std::string broker;                    // pollux-broker: it opens the ports, and the program is nobody, without a capability, elsewhere
  std::string preload;                   // a library, where ports have several queues
  std::string probed_key;                // a device argument that the program may not know: asked before
  bool tells_version = false;            // by its package
  int rx_ring = 0;                       // descriptors; 0: the program's default
  std::string pod_settings;              // what PodSettings says
  std::string idle;                      // --idle: adaptive, sleep; "": its default, which is to spin
  int telemetry_reads = 0;               // a second, by a client on the source's CPU
  bool offload = false;                  // two flows forward, from each port to the other; between pods with attach=tc
};

std::unique_ptr<Contender> MakeTestpmdContender(const TestpmdContenderOptions& options);

// The command line for an assignment, `broker_socket` empty where there is none.
std::vector<std::string> TestpmdCommand(const TestpmdContenderOptions& options, const std::string& program, const Assignment& assignment,
                                        const std::string& broker_socket = "");

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CONTENDERS_TESTPMD_CONTENDER_H_
