// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/forwarding/port_flows.h"

#include <utility>

#include <absl/strings/str_cat.h>

namespace pollux::testpmd {

absl::Status PortFlows::Check(std::size_t port) const {
  if (!ports_[port]->Info().interface.empty()) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("flow: ", ports_[port]->FullName(), " has no kernel interface (net_af_xdp has)"));
}

absl::Status PortFlows::Connect(std::size_t input, std::size_t output) {
  if (auto status = Check(input); !status.ok()) return status;
  if (auto status = Join(output, pmd::FlowRole::kOutput); !status.ok()) return status;
  return Join(input, pmd::FlowRole::kInputAndOutput);
}

absl::Status PortFlows::ConnectInput(std::size_t input) {
  return Join(input, pmd::FlowRole::kInputAndOutput);
}

// An output may become an input as well, and not the other way round.
absl::Status PortFlows::Join(std::size_t port, pmd::FlowRole role) {
  if (auto status = Check(port); !status.ok()) return status;
  const auto known = roles_.find(port);
  if (known != roles_.end() && (known->second == role || role == pmd::FlowRole::kOutput)) return absl::OkStatus();
  if (table_ == nullptr) {
    auto table = pmd::FlowTable::Create();
    if (!table.ok()) return table.status();
    table_ = *std::move(table);
  }
  const absl::Status status = ports_[port]->UseFlows(table_, role);
  if (status.ok()) roles_[port] = role;
  return status;
}

}  // namespace pollux::testpmd
