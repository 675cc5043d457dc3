// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/rig.h"

namespace pollux::performance {

const char* WorkKindName(WorkKind kind) {
  switch (kind) {
    case WorkKind::kIo:
      return "io";
    case WorkKind::kMacswap:
      return "macswap";
    case WorkKind::kRxonly:
      return "rxonly";
    case WorkKind::kTxonly:
      return "txonly";
    case WorkKind::kPushVlan:
      return "pushvlan";
    case WorkKind::kTwoPorts:
      return "twoports";
    case WorkKind::kTcp:
      return "tcp";
  }
  return "";
}

bool HasSource(WorkKind kind) {
  return kind != WorkKind::kTxonly && kind != WorkKind::kTcp;
}

absl::StatusOr<std::unique_ptr<Rig>> Rig::Create(uint32_t queue_count) {
  return Create({.queues = queue_count, .arp = false, .gro = true});
}

absl::StatusOr<std::unique_ptr<Rig>> Rig::CreatePods() {
  return Create(support::VethOptions());
}

absl::StatusOr<std::unique_ptr<Rig>> Rig::Create(const support::VethOptions& options) {
  auto rig = std::make_unique<Rig>();
  for (auto* network : {&rig->source, &rig->forwarder, &rig->sink}) {
    auto created = support::NetworkNamespace::CreateUnnamed();
    if (!created.ok()) return created.status();
    *network = *std::move(created);
  }
  absl::Status status = support::AddVethPair({*rig->source, kSourceInterface}, {*rig->forwarder, kInInterface}, options);
  if (status.ok()) status = support::AddVethPair({*rig->forwarder, kOutInterface}, {*rig->sink, kSinkInterface}, options);
  if (!status.ok()) return status;
  return rig;
}

}  // namespace pollux::performance
