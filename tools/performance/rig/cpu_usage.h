// SPDX-License-Identifier: Apache-2.0
// Who uses a CPU, and for what.
#ifndef TOOLS_PERFORMANCE_RIG_CPU_USAGE_H_
#define TOOLS_PERFORMANCE_RIG_CPU_USAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

namespace pollux::performance {

// One CPU's line of /proc/stat. Subtract two.
struct CpuTimes {
  double user_s = 0, system_s = 0, softirq_s = 0, interrupt_s = 0, idle_s = 0, steal_s = 0;
  CpuTimes operator-(const CpuTimes& earlier) const;
};
absl::StatusOr<CpuTimes> ReadCpuTimes(int cpu);

// That all threads of the process have used since it began, to the nanosecond; a kernel thread's likewise. NOT_FOUND: it is gone.
absl::StatusOr<double> ReadProcessSeconds(pid_t process);

// Samples of one CPU, 4,000 a second by the kernel's cpu-clock: finer than the tick that /proc counts with, and it tells threads
// and modes apart. Costs the CPU about one percent.
class CpuSampler {
 public:
  struct Thread {
    pid_t process = 0;
    uint64_t user = 0;
    uint64_t kernel = 0;
  };
  struct Samples {
    uint64_t total = 0;  // idle ones are thread 0's
    uint64_t lost = 0;
    std::map<pid_t, Thread> threads;
  };

  // Samples from now on. Errors: where perf_event_open is refused.
  static absl::StatusOr<std::unique_ptr<CpuSampler>> Start(int cpu);
  virtual ~CpuSampler() = default;
  // Ends sampling.
  virtual Samples Stop() = 0;
};

// Counts the system calls of a thread, by the kernel's raw_syscalls:sys_enter. It slows every system call of the machine while it
// exists, so that it must not while something else is measured.
class SystemCallCounter {
 public:
  static absl::StatusOr<std::unique_ptr<SystemCallCounter>> Start(pid_t thread);
  virtual ~SystemCallCounter() = default;
  virtual uint64_t Read() const = 0;
};

// Of a process or thread; empty if it is gone.
std::string CommandName(pid_t pid);

}  // namespace pollux::performance

#endif  // TOOLS_PERFORMANCE_RIG_CPU_USAGE_H_
