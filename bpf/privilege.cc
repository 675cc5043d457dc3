// SPDX-License-Identifier: Apache-2.0
#include "bpf/privilege.h"

#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "lcore/capabilities.h"
#include "lcore/errno_status.h"

// From Linux 5.8.
static_assert(CAP_BPF == 39 && CAP_PERFMON == 38 && CAP_NET_ADMIN == 12 && CAP_NET_RAW == 13 && CAP_SYS_ADMIN == 21, "capability numbers");

namespace pollux::bpf {
namespace {

const char* Name(int capability) {
  switch (capability) {
    case CAP_BPF:
      return "CAP_BPF";
    case CAP_NET_ADMIN:
      return "CAP_NET_ADMIN";
    case CAP_NET_RAW:
      return "CAP_NET_RAW";
    case CAP_PERFMON:
      return "CAP_PERFMON";
    case CAP_SYS_ADMIN:
      return "CAP_SYS_ADMIN";
    default:
      return "a capability";
  }
}

bool Has(int capability) {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return true;
  return (data[capability / 32].effective >> capability % 32 & 1) != 0;
}

}  // namespace

std::string MissingCapabilities(std::initializer_list<int> capabilities) {
  std::vector<std::string> missing;
  for (int capability : capabilities) {
    if (!Has(capability)) missing.emplace_back(Name(capability));
  }
  return absl::StrJoin(missing, " and ");
}

absl::Status CallStatus(int error, absl::string_view call, std::initializer_list<int> capabilities, absl::string_view hint) {
  std::string missing = error == EPERM || error == EACCES ? MissingCapabilities(capabilities) : std::string();
  if (missing.empty()) return lcore::ErrnoStatus(error, call, hint);
  return lcore::ErrnoStatus(error, call, absl::StrCat("this process lacks ", missing));
}

bool DescriptorsSuffice() {
  bool suffice = true;
  std::thread([&suffice] {
    if (!lcore::KeepCapabilities({}).ok()) return;
    // No map, so that nothing is looked up: EBADF where that was the first thing to be wrong.
    bpf_attr lookup = {};
    lookup.map_fd = static_cast<uint32_t>(-1);
    suffice = syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &lookup, sizeof(lookup)) == 0 || errno != EPERM;
  }).join();
  return suffice;
}

}  // namespace pollux::bpf
