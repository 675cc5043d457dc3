// SPDX-License-Identifier: Apache-2.0
#include "tools/support/veth_pair.h"

#include <absl/strings/str_cat.h>

#include "tools/support/child_process.h"

namespace pollux::support {
namespace {

void Describe(const VethEnd& end, const VethOptions& options, Arguments* command) {
  const std::string queues = absl::StrCat(options.queues);
  command->insert(command->end(), {end.name, "mtu", absl::StrCat(options.mtu), "numrxqueues", queues, "numtxqueues", queues});
  if (!options.arp) command->insert(command->end(), {"arp", "off"});
  if (!end.mac.empty()) command->insert(command->end(), {"address", end.mac});
}

}  // namespace

absl::Status AddVethPair(const VethEnd& left, const VethEnd& right, const VethOptions& options) {
  Arguments command = {"ip", "link", "add"};
  Describe(left, options, &command);
  command.insert(command.end(), {"type", "veth", "peer", "name"});
  Describe(right, options, &command);
  command.insert(command.end(), {"netns", right.network.path()});
  absl::Status status = RunSuccessfully(command, &left.network).status();
  // Both before either is up: veth looks at its peer's offloads when it comes up, and at no later time.
  for (const VethEnd* end : {&left, &right}) {
    if (status.ok() && options.gro) status = RunSuccessfully({"ethtool", "-K", end->name, "gro", "on"}, &end->network).status();
  }
  for (const VethEnd* end : {&left, &right}) {
    if (status.ok() && end->up) status = RunSuccessfully({"ip", "link", "set", end->name, "up"}, &end->network).status();
  }
  return status;
}

}  // namespace pollux::support
