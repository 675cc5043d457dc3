// SPDX-License-Identifier: Apache-2.0
// Which CPUs a thread may run on: asked of the kernel, and read back from it.
#ifndef LCORE_AFFINITY_H_
#define LCORE_AFFINITY_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "lcore/core_set.h"

namespace pollux::lcore {

// The CPUs that the calling thread may run on now.
absl::StatusOr<CoreSet> ThreadAffinity();

// The CPUs that the kernel would grant the calling thread if it asked for all: the online ones of its cgroup's cpuset. Asks for all
// and puts the former mask back, so the thread may move for a moment: for set-up and error messages.
absl::StatusOr<CoreSet> GrantableCpus();

// Lets the calling thread run on `cpus` only, and reads back that the kernel granted exactly these. The kernel silently grants less
// when some of them are offline or outside the cgroup's cpuset; here that is FAILED_PRECONDITION, names the missing CPUs and those that
// can be had, and leaves the thread with the mask it had before.
absl::Status PinThisThread(const CoreSet& cpus);

}  // namespace pollux::lcore

#endif  // LCORE_AFFINITY_H_
