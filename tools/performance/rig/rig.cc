// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/rig.h"

#include "tools/support/veth_pair.h"

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
    auto created = support::NetworkNamespace::CreateUnnamed();
    if (!created.ok()) return created.status();
    *network = *std::move(created);
  }
  const support::VethOptions options = {.queues = queue_count, .arp = false, .gro = true};
  absl::Status status = support::AddVethPair({*rig->source, kSourceInterface}, {*rig->forwarder, kInInterface}, options);
  if (status.ok()) status = support::AddVethPair({*rig->forwarder, kOutInterface}, {*rig->sink, kSinkInterface}, options);
  if (!status.ok()) return status;
  return rig;
}

}  // namespace pollux::performance
