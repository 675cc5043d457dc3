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
  }
  return "";
}

absl::StatusOr<std::unique_ptr<Rig>> Rig::Create(uint32_t queue_count) {
  auto rig = std::make_unique<Rig>();
  for (auto* network : {&rig->source, &rig->forwarder, &rig->sink}) {
    auto created = NetworkNamespace::Create();
    if (!created.ok()) return created.status();
    *network = *std::move(created);
  }
  absl::Status status = AddVethPair(*rig->source, kSourceInterface, *rig->forwarder, kInInterface, queue_count);
  if (status.ok()) status = AddVethPair(*rig->forwarder, kOutInterface, *rig->sink, kSinkInterface, queue_count);
  if (!status.ok()) return status;
  return rig;
}

}  // namespace pollux::performance
