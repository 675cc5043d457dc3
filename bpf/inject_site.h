// SPDX-License-Identifier: Apache-2.0
// InjectSite: the place where an injecting program is attached.
#ifndef BPF_INJECT_SITE_H_
#define BPF_INJECT_SITE_H_

#include <string>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"

namespace pollux::bpf {

// The kernel runs an attached program at once, and waits for RCU at each run of one that is attached nowhere. Where does not matter, so
// it is a device that no packet passes and that needs no removal: a tap that is down, which the kernel removes with the last
// descriptor, SIGKILL or not. It is in a network namespace of its own, which goes with it; without CAP_SYS_ADMIN in the caller's, named
// "plx<pid>i<n>". Where /dev/net/tun is missing, the program is attached generically to the loopback device of a namespace of its own.
struct InjectSite {
  UniqueFd device;  // the tap's, or the namespace's
  UniqueFd link;    // the attachment

  // FAILED_PRECONDITION or PERMISSION_DENIED: what is missing, and what would cure it.
  static absl::StatusOr<InjectSite> Attach(int program);
};

}  // namespace pollux::bpf

#endif  // BPF_INJECT_SITE_H_
