// SPDX-License-Identifier: Apache-2.0
// Open vSwitch's userspace datapath with ports of a type, in daemons of its own: tools/ovs run.
#ifndef TOOLS_PERFORMANCE_CONTENDERS_OVS_CONTENDER_H_
#define TOOLS_PERFORMANCE_CONTENDERS_OVS_CONTENDER_H_

#include <memory>
#include <string>
#include <vector>

#include "tools/performance/contenders/contender.h"

namespace pollux::performance {

struct OvsContenderOptions {
  std::string name;
  std::string script;        // tools/ovs
  std::string programs;      // what `tools/ovs build` printed
  std::string type;          // of the ports: pollux, afxdp, dpdk (net_af_xdp)
  std::string daemon;        // what `tools/ovs run` starts for this type, if it is not the ovs-vswitchd of `programs`
  std::string package;       // of that daemon
  std::string preload;       // a library, where ports have several queues
  bool offload = false;      // flows go into the kernel's flow table
  std::string port_option;   // KEY=VALUE, of every port
  std::string pod_settings;  // what PodSettings says
};

std::unique_ptr<Contender> MakeOvsContender(const OvsContenderOptions& options);

// The command line for an assignment.
std::vector<std::string> OvsCommand(const OvsContenderOptions& options, const Assignment& assignment);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_CONTENDERS_OVS_CONTENDER_H_
