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

absl::Status FlowPort::Enter(bpf::XdpProgram& program, int ifindex, bool unfinished_checksums, std::size_t redirect_length) {
  if (auto status = table_->SetPort(port_, ifindex, redirect_length); !status.ok()) return status;
  ifindex_ = ifindex;
  if (role_ == FlowRole::kOutput) return absl::OkStatus();
  const absl::Status status = program.UseFlows({.maps = &table_->maps(), .port = port_, .unfinished_checksums = unfinished_checksums});
  if (!status.ok()) Leave();
  return status;
}

absl::Status FlowPort::Refresh(std::size_t redirect_length) {
  if (ifindex_ == 0) return absl::OkStatus();
  return table_->SetPort(port_, ifindex_, redirect_length);
}

void FlowPort::Leave() {
  if (ifindex_ == 0) return;
  table_->ClearPort(port_);
  ifindex_ = 0;
}

}  // namespace pollux::pmd::af_xdp
