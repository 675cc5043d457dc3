// SPDX-License-Identifier: Apache-2.0
// ForwardOffload: what io, mac and macswap do with packets, done by the kernel as flows (--offload=auto).
#ifndef TOOLS_TESTPMD_FORWARDING_FORWARD_OFFLOAD_H_
#define TOOLS_TESTPMD_FORWARDING_FORWARD_OFFLOAD_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "pmd/flow_table.h"
#include "tools/testpmd/forwarding/forwarder.h"
#include "tools/testpmd/forwarding/port.h"
#include "tools/testpmd/forwarding/port_flows.h"

namespace pollux::testpmd {

// From a port to the one that its packets leave by.
struct OffloadedPath {
  std::size_t rx_port = 0;
  std::size_t tx_port = 0;
  pmd::FlowTable::Id flow = 0;  // 0: the lcores forward all of it
  std::string reason;           // why they do
  pmd::FlowStatistics statistics;
};

// Belongs to the main lcore. The lcores poll on: they forward, in the same way, what the program leaves to them. Rules of `flow create`
// come first.
class ForwardOffload {
 public:
  // Both outlive it.
  ForwardOffload(const std::vector<std::unique_ptr<Port>>& ports, PortFlows& flows) : ports_(ports), flows_(flows) {}

  // A flow for each path of the configuration that can have one.
  void Start(const ForwardConfig& config);
  // Addresses of ports are others than at Start.
  absl::Status Refresh(const ForwardConfig& config);
  // When it has returned, no packet passes by the lcores, and what the flows did can still be read.
  absl::Status Stop();

  bool running() const { return running_; }
  // Of the last Start, with statistics of now.
  std::vector<OffloadedPath> Paths() const;

 private:
  absl::StatusOr<std::vector<pmd::FlowAction>> Actions(const ForwardConfig& config, const OffloadedPath& path) const;
  absl::StatusOr<pmd::FlowTable::Id> Offload(const ForwardConfig& config, const OffloadedPath& path);

  const std::vector<std::unique_ptr<Port>>& ports_;
  PortFlows& flows_;
  bool running_ = false;
  std::vector<OffloadedPath> paths_;
};

// A line each: "Offload: port 0 -> port 1: by the kernel", or why not; with `counts`, of those that are, what the kernel has forwarded.
std::string FormatOffload(const std::vector<OffloadedPath>& paths, bool counts);

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_FORWARD_OFFLOAD_H_
