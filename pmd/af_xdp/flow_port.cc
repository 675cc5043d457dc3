// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/flow_port.h"

#include <net/ethernet.h>

#include "bpf/uapi.h"

namespace pollux::pmd::af_xdp {

std::size_t RedirectLength(const LinkState& link, const bpf::DeviceFeatures& features, std::size_t mtu) {
  constexpr std::size_t kVlanTagBytes = 4;
  const bool transmits = !features.known || (features.xdp_actions & bpf::kXdpActionTransmit) != 0;
  return link.up && transmits ? mtu + ETH_HLEN + kVlanTagBytes : 0;
}

OutputLengths LengthsOf(const LinkState& link, const bpf::DeviceFeatures& features, std::size_t mtu) {
  return {.redirect = RedirectLength(link, features, mtu), .buffer = RedirectLength(link, {}, mtu)};
}

absl::Status FlowPort::Enter(bpf::XdpProgram& program, int ifindex, bool unfinished_checksums, const OutputLengths& lengths) {
  if (auto status = table_->SetPort(port_, ifindex, lengths.redirect, lengths.buffer); !status.ok()) return status;
  ifindex_ = ifindex;
  if (role_ == FlowRole::kOutput) return absl::OkStatus();
  const absl::Status status = program.UseFlows({.maps = &table_->maps(), .port = port_, .unfinished_checksums = unfinished_checksums});
  if (!status.ok()) Leave();
  return status;
}

absl::Status FlowPort::Refresh(const OutputLengths& lengths) {
  if (ifindex_ == 0) return absl::OkStatus();
  return table_->SetPort(port_, ifindex_, lengths.redirect, lengths.buffer);
}

void FlowPort::Leave() {
  if (ifindex_ == 0) return;
  table_->ClearPort(port_);
  ifindex_ = 0;
}

}  // namespace pollux::pmd::af_xdp
