// SPDX-License-Identifier: Apache-2.0
// What testpmd may still do once it runs: docs/privileges.md.
#ifndef TOOLS_TESTPMD_SESSION_PRIVILEGES_H_
#define TOOLS_TESTPMD_SESSION_PRIVILEGES_H_

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "lcore/launcher.h"
#include "tools/testpmd/options/testpmd_options.h"

namespace pollux::testpmd {

// Forwarding is done with descriptors that are there, and needs no capability. Belongs to the main lcore.
class Privileges {
 public:
  explicit Privileges(KeptPrivileges kept) : kept_(kept) {}

  // Of the forwarding lcores: all, for good. Before they forward.
  absl::Status DropOfLcores(lcore::Launcher& launcher);

  struct Held {
    std::vector<std::string> names;  // what the main lcore has now
    std::string text;                // a line for a person
  };
  // Of the main lcore, for good: all but what may be needed to open ports again, or to put changed settings back at the end.
  absl::StatusOr<Held> DropOfMain(bool opens_ports, bool settings_changed);

 private:
  const KeptPrivileges kept_;
  bool descriptors_suffice_ = true;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_SESSION_PRIVILEGES_H_
