// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/rig/cpu_usage.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>

#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"

namespace pollux::performance {
namespace {

constexpr uint64_t kSamplePeriod_ns = 249989;  // a prime, so that it beats with nothing periodic
constexpr size_t kRingBytes = 4u << 20;        // 256 Ki samples of 16 bytes: a minute

int OpenPerfEvent(perf_event_attr* attributes, pid_t thread, int cpu) {
  return static_cast<int>(syscall(SYS_perf_event_open, attributes, thread, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}

class PerfSampler final : public CpuSampler {
 public:
  ~PerfSampler() override {
    if (page_ != MAP_FAILED) munmap(page_, MappedBytes());
    if (descriptor_ >= 0) close(descriptor_);
  }

  absl::Status Open(int cpu) {
    perf_event_attr attributes = {};
    attributes.size = sizeof attributes;
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.config = PERF_COUNT_SW_CPU_CLOCK;
    attributes.sample_period = kSamplePeriod_ns;
    attributes.sample_type = PERF_SAMPLE_TID;
    descriptor_ = OpenPerfEvent(&attributes, -1, cpu);
    if (descriptor_ < 0) return lcore::ErrnoStatus(errno, absl::StrCat("perf_event_open(cpu-clock, CPU ", cpu, ")"), "needs CAP_PERFMON");
    page_ = mmap(nullptr, MappedBytes(), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    if (page_ == MAP_FAILED) return lcore::ErrnoStatus(errno, "mmap(perf ring)");
    return absl::OkStatus();
  }

  Samples Stop() override {
    ioctl(descriptor_, PERF_EVENT_IOC_DISABLE, 0);
    Samples samples;
    auto* control = static_cast<perf_event_mmap_page*>(page_);
    const auto* ring = static_cast<const char*>(page_) + PageBytes();
    const uint64_t head = std::atomic_ref<__u64>(control->data_head).load(std::memory_order_acquire);
    for (uint64_t at = control->data_tail; at < head;) {
      const auto* header = reinterpret_cast<const perf_event_header*>(ring + at % kRingBytes);
      // Records are multiples of 8 bytes, and so is what is read of them here: none of the words wraps around the ring's end.
      if (header->type == PERF_RECORD_SAMPLE) {
        uint32_t ids[2];
        std::memcpy(ids, ring + (at + sizeof *header) % kRingBytes, sizeof ids);
        Thread& thread = samples.threads[static_cast<pid_t>(ids[1])];
        thread.process = static_cast<pid_t>(ids[0]);
        ++((header->misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_USER ? thread.user : thread.kernel);
        ++samples.total;
      } else if (header->type == PERF_RECORD_LOST) {
        ++samples.lost;
      }
      at += header->size;
    }
    return samples;
  }

 private:
  static size_t PageBytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }
  static size_t MappedBytes() { return PageBytes() + kRingBytes; }
  int descriptor_ = -1;
  void* page_ = MAP_FAILED;
};

class PerfSystemCallCounter final : public SystemCallCounter {
 public:
  explicit PerfSystemCallCounter(int descriptor) : descriptor_(descriptor) {}
  ~PerfSystemCallCounter() override { close(descriptor_); }
  uint64_t Read() const override {
    uint64_t count = 0;
    return read(descriptor_, &count, sizeof count) == sizeof count ? count : 0;
  }

 private:
  int descriptor_;
};

// The number of the tracepoint, read in a process whose mounts are its own: tracefs is mounted on few machines.
absl::StatusOr<uint64_t> SystemCallTracepoint() {
  auto network = support::NetworkNamespace::CreateUnnamed();
  if (!network.ok()) return network.status();
  auto id = support::RunSuccessfully(
      {"sh", "-c", "mount -t tracefs none /sys/kernel/tracing && cat /sys/kernel/tracing/events/raw_syscalls/sys_enter/id"},
      network->get());
  if (!id.ok()) return id.status();
  return std::strtoull(id->c_str(), nullptr, 10);
}

}  // namespace

CpuTimes CpuTimes::operator-(const CpuTimes& earlier) const {
  return {.user_s = user_s - earlier.user_s,
          .system_s = system_s - earlier.system_s,
          .softirq_s = softirq_s - earlier.softirq_s,
          .interrupt_s = interrupt_s - earlier.interrupt_s,
          .idle_s = idle_s - earlier.idle_s,
          .steal_s = steal_s - earlier.steal_s};
}

absl::StatusOr<CpuTimes> ReadCpuTimes(int cpu) {
  std::ifstream file("/proc/stat");
  const std::string name = absl::StrCat("cpu", cpu);
  const auto tick_s = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first != name) continue;
    double user, nice, system, idle, iowait, interrupt, softirq, steal;
    words >> user >> nice >> system >> idle >> iowait >> interrupt >> softirq >> steal;
    return CpuTimes{.user_s = (user + nice) * tick_s,
                    .system_s = system * tick_s,
                    .softirq_s = softirq * tick_s,
                    .interrupt_s = interrupt * tick_s,
                    .idle_s = (idle + iowait) * tick_s,
                    .steal_s = steal * tick_s};
  }
  return absl::NotFoundError(absl::StrCat("/proc/stat has no ", name));
}

absl::StatusOr<double> ReadProcessSeconds(pid_t process) {
  clockid_t clock;
  timespec used;
  int error = clock_getcpuclockid(process, &clock);
  if (error == 0 && clock_gettime(clock, &used) != 0) error = errno;
  if (error != 0) return absl::NotFoundError(absl::StrCat("clock_getcpuclockid(", process, "): ", std::strerror(error)));
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

absl::StatusOr<std::unique_ptr<CpuSampler>> CpuSampler::Start(int cpu) {
  auto sampler = std::make_unique<PerfSampler>();
  if (absl::Status status = sampler->Open(cpu); !status.ok()) return status;
  return std::unique_ptr<CpuSampler>(std::move(sampler));
}

absl::StatusOr<std::unique_ptr<SystemCallCounter>> SystemCallCounter::Start(pid_t thread) {
  static const absl::StatusOr<uint64_t> tracepoint = SystemCallTracepoint();
  if (!tracepoint.ok()) return tracepoint.status();
  perf_event_attr attributes = {};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = *tracepoint;
  const int descriptor = OpenPerfEvent(&attributes, thread, -1);
  if (descriptor < 0) return lcore::ErrnoStatus(errno, absl::StrCat("perf_event_open(raw_syscalls:sys_enter, thread ", thread, ")"));
  return std::unique_ptr<SystemCallCounter>(std::make_unique<PerfSystemCallCounter>(descriptor));
}

std::string CommandName(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/comm"));
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace pollux::performance
