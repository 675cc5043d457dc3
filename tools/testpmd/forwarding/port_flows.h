// SPDX-License-Identifier: Apache-2.0
// PortFlows: the flow table of this run, and the part that ports have in it.
#ifndef TOOLS_TESTPMD_FORWARDING_PORT_FLOWS_H_
#define TOOLS_TESTPMD_FORWARDING_PORT_FLOWS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include <absl/status/status.h>

#include "pmd/flow_table.h"
#include "tools/testpmd/forwarding/port.h"

namespace pollux::testpmd {

// Belongs to the main lcore. The table is made when a port first takes part: ports without flows know nothing of it.
class PortFlows {
 public:
  // They outlive it.
  explicit PortFlows(const std::vector<std::unique_ptr<Port>>& ports) : ports_(ports) {}

  // From now on flows lead to `output`, and packets that come in by `input` are looked up. UNIMPLEMENTED for a port without a kernel
  // interface; what UseFlows says.
  absl::Status Connect(std::size_t input, std::size_t output);
  absl::Status ConnectInput(std::size_t input);
  // UNIMPLEMENTED, as above; changes nothing.
  absl::Status Check(std::size_t port) const;
  // Null before any port takes part.
  pmd::FlowTable* table() const { return table_.get(); }

 private:
  absl::Status Join(std::size_t port, pmd::FlowRole role);

  const std::vector<std::unique_ptr<Port>>& ports_;
  std::shared_ptr<pmd::FlowTable> table_;
  std::map<std::size_t, pmd::FlowRole> roles_;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_PORT_FLOWS_H_
