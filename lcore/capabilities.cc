// SPDX-License-Identifier: Apache-2.0
#include "lcore/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <fstream>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/strip.h>

#include "lcore/errno_status.h"

namespace pollux::lcore {

std::vector<std::string> MissingCapabilities(std::span<const Capability> wanted) {
  std::ifstream status("/proc/thread-self/status");
  std::vector<std::string> missing;
  for (std::string line; std::getline(status, line);) {
    absl::string_view text = line;
    uint64_t effective = 0;
    if (!absl::ConsumePrefix(&text, "CapEff:") || !absl::SimpleHexAtoi(absl::StripAsciiWhitespace(text), &effective)) continue;
    for (const Capability& capability : wanted) {
      if ((effective >> capability.number & 1) == 0) missing.emplace_back(capability.name);
    }
  }
  return missing;
}

absl::Status KeepCapabilities(const std::vector<int>& kept) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {}, wanted[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, now) != 0) return ErrnoStatus(errno, "capget()");
  for (const int capability : kept) wanted[capability / 32].effective |= now[capability / 32].effective & 1u << capability % 32;
  for (__user_cap_data_struct& word : wanted) word.permitted = word.effective;
  // The bounding and ambient sets give capabilities to what this thread executes; no_new_privs alone leaves the ambient set.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoStatus(errno, "prctl(PR_SET_NO_NEW_PRIVS)");
  if (syscall(SYS_capset, &header, wanted) != 0) return ErrnoStatus(errno, "capset()");
  return absl::OkStatus();
}

}  // namespace pollux::lcore
