// SPDX-License-Identifier: Apache-2.0
#include "lcore/affinity.h"

#include <sched.h>

#include <cerrno>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"

namespace pollux::lcore {
namespace {

static_assert(CoreSet::kMaxCpus == CPU_SETSIZE);

cpu_set_t ToKernel(const CoreSet& cpus) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (const unsigned cpu : cpus.cpus()) CPU_SET(cpu, &mask);
  return mask;
}

// Returns 0 or the errno. The kernel answers EINVAL when it can grant none of the CPUs.
int SetAffinity(const CoreSet& cpus) {
  const cpu_set_t mask = ToKernel(cpus);
  return sched_setaffinity(0, sizeof(mask), &mask) == 0 ? 0 : errno;
}

std::string Available() {
  const absl::StatusOr<CoreSet> grantable = GrantableCpus();
  return grantable.ok() ? absl::StrCat("available here: ", grantable->ToString()) : "see /sys/devices/system/cpu/online";
}

}  // namespace

absl::StatusOr<CoreSet> ThreadAffinity() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) {
    return ErrnoStatus(errno, "sched_getaffinity(this thread)", absl::StrCat("at most ", CoreSet::kMaxCpus, " CPUs are supported"));
  }
  CoreSet cpus;
  for (unsigned cpu = 0; cpu < CoreSet::kMaxCpus; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.Add(cpu);
  }
  return cpus;
}

absl::StatusOr<CoreSet> GrantableCpus() {
  const absl::StatusOr<CoreSet> former = ThreadAffinity();
  if (!former.ok()) return former;
  CoreSet all;
  for (unsigned cpu = 0; cpu < CoreSet::kMaxCpus; ++cpu) all.Add(cpu);
  if (const int error = SetAffinity(all); error != 0) return ErrnoStatus(error, "sched_setaffinity(this thread, every CPU)");
  absl::StatusOr<CoreSet> granted = ThreadAffinity();
  if (const int error = SetAffinity(*former); error != 0) {
    return ErrnoStatus(error, absl::StrCat("sched_setaffinity(this thread, CPUs ", former->ToString(), ")"),
                       "cannot go back to the former mask");
  }
  return granted;
}

absl::Status PinThisThread(const CoreSet& cpus) {
  if (cpus.empty()) return absl::InvalidArgumentError("cannot pin a thread to no CPU; name at least one");
  const absl::StatusOr<CoreSet> former = ThreadAffinity();
  if (!former.ok()) return former.status();

  const std::string call = absl::StrCat("sched_setaffinity(this thread, CPUs ", cpus.ToString(), ")");
  const int error = SetAffinity(cpus);
  if (error != 0 && error != EINVAL) return ErrnoStatus(error, call);
  CoreSet granted;
  if (error == 0) {
    const absl::StatusOr<CoreSet> read_back = ThreadAffinity();
    if (!read_back.ok()) return read_back.status();
    granted = *read_back;
    if (granted == cpus) return absl::OkStatus();
    SetAffinity(*former);
  }
  return absl::FailedPreconditionError(absl::StrCat(call, ": the kernel does not grant ", (cpus - granted).ToString(),
                                                    " (offline, or outside the cgroup's cpuset); ", Available()));
}

}  // namespace pollux::lcore
