// SPDX-License-Identifier: Apache-2.0
// FlowPort: a port's place in a flow table, both ways: whose packets are looked up, and where packets may be sent.
#ifndef PMD_AF_XDP_FLOW_PORT_H_
#define PMD_AF_XDP_FLOW_PORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <absl/status/status.h>

#include "bpf/feature_probe.h"
#include "bpf/xdp_program.h"
#include "pmd/device.h"
#include "pmd/flow_table.h"

namespace pollux::pmd::af_xdp {

// The longest frame that may be sent to an interface by XDP_REDIRECT; 0: none. As the kernel's xdp_ok_fwd_dev() has it.
std::size_t RedirectLength(const LinkState& link, const bpf::DeviceFeatures& features, std::size_t mtu);

// The longest frames that may be sent to an interface; 0: none.
struct OutputLengths {
  std::size_t redirect = 0;  // by ports at XDP
  std::size_t buffer = 0;    // by ports at TC, as sk_buffs, which every interface takes
};
OutputLengths LengthsOf(const LinkState& link, const bpf::DeviceFeatures& features, std::size_t mtu);

// Belongs to the control path. Inside: packets may be sent to the port, and its program looks into the table if that is its role.
class FlowPort {
 public:
  FlowPort(std::shared_ptr<FlowTable> table, uint32_t port, FlowRole role) : table_(std::move(table)), port_(port), role_(role) {}
  ~FlowPort() { Leave(); }
  FlowPort(const FlowPort&) = delete;
  FlowPort& operator=(const FlowPort&) = delete;

  FlowRole role() const { return role_; }
  // In the network namespace of the interface.
  absl::Status Enter(bpf::XdpProgram& program, int ifindex, bool unfinished_checksums, const OutputLengths& lengths);
  // The interface can take something else than before.
  absl::Status Refresh(const OutputLengths& lengths);
  // Nothing is sent to the port any more; whoever detaches the program ends the other way.
  void Leave();

 private:
  const std::shared_ptr<FlowTable> table_;
  const uint32_t port_;
  const FlowRole role_;
  int ifindex_ = 0;  // 0: outside
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_FLOW_PORT_H_
