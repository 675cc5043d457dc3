// SPDX-License-Identifier: Apache-2.0
#include "tools/testpmd/session/privileges.h"

#include <linux/capability.h>

#include <algorithm>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "bpf/privilege.h"
#include "lcore/capabilities.h"
#include "lcore/errno_status.h"

namespace pollux::testpmd {
namespace {

// What opening and starting a port may need.
constexpr lcore::Capability kOfPorts[] = {{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
                                          {CAP_NET_RAW, "CAP_NET_RAW"},
                                          {CAP_BPF, "CAP_BPF"},
                                          {CAP_PERFMON, "CAP_PERFMON"},
                                          {CAP_IPC_LOCK, "CAP_IPC_LOCK"}};

std::vector<std::string> HeldNames() {
  const std::vector<std::string> missing = lcore::MissingCapabilities(kOfPorts);
  std::vector<std::string> held;
  for (const lcore::Capability& capability : kOfPorts) {
    if (std::find(missing.begin(), missing.end(), capability.name) == missing.end()) held.emplace_back(capability.name);
  }
  return held;
}

}  // namespace

absl::Status Privileges::DropOfLcores(lcore::Launcher& launcher) {
  if (kept_ == KeptPrivileges::kAll) return absl::OkStatus();
  descriptors_suffice_ = bpf::DescriptorsSuffice();
  if (!descriptors_suffice_) return absl::OkStatus();
  for (const unsigned lcore : launcher.plan().WorkerIds()) {
    absl::Status status;
    const absl::Status launched = launcher.RemoteLaunch(lcore, [&status] {
      status = lcore::KeepCapabilities({});
      return 0;
    });
    if (!launched.ok()) return launched;
    if (const auto done = launcher.Wait(lcore); !done.ok()) return done.status();
    if (!status.ok()) return lcore::Annotate(status, absl::StrCat("lcore ", lcore));
  }
  return absl::OkStatus();
}

absl::StatusOr<Privileges::Held> Privileges::DropOfMain(bool opens_ports, bool settings_changed) {
  if (kept_ == KeptPrivileges::kAll) return Held{HeldNames(), "Privileges: kept as they were (--privileges=all)\n"};
  if (!descriptors_suffice_) {
    return Held{HeldNames(), "Privileges: kept as they were, since this kernel asks for CAP_BPF when a BPF map is used\n"};
  }
  const bool for_ports = kept_ == KeptPrivileges::kPorts || (kept_ == KeptPrivileges::kDefault && opens_ports);
  std::vector<int> kept;
  if (for_ports) {
    for (const lcore::Capability& capability : kOfPorts) kept.push_back(capability.number);
  } else if (settings_changed) {
    kept = {CAP_NET_ADMIN};
  }
  if (auto status = lcore::KeepCapabilities(kept); !status.ok()) return status;
  Held held{.names = HeldNames(), .text = "Privileges: none\n"};
  if (held.names.empty()) return held;
  held.text = absl::StrCat("Privileges: ", absl::StrJoin(held.names, ", "), " of the main lcore, ",
                           for_ports ? "to open ports again" : "to put settings back at the end", "; forwarding lcores have none\n");
  return held;
}

}  // namespace pollux::testpmd
