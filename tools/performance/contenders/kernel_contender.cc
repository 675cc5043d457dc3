// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/contenders/kernel_contender.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "lcore/errno_status.h"
#include "tools/performance/contenders/redirect.skel.h"
#include "tools/performance/rig/cpu_usage.h"
#include "tools/support/child_process.h"
#include "tools/support/veth_pair.h"

namespace pollux::performance {
namespace {

constexpr pid_t kNobody = -1;  // no thread of its own; 0 is the idle one

// The thread "napi/plxin-NUMBER". One run at a time owns the rig's names, so that there is one; a thread of a rig just removed may
// linger, and the newest is ours.
absl::StatusOr<pid_t> FindNapiThread() {
  DIR* folder = opendir("/proc");
  if (folder == nullptr) return lcore::ErrnoStatus(errno, "opendir(/proc)");
  pid_t newest = 0;
  while (const dirent* entry = readdir(folder)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid > newest && absl::StartsWith(CommandName(pid), absl::StrCat("napi/", kInInterface, "-"))) newest = pid;
  }
  closedir(folder);
  if (newest == 0) return absl::NotFoundError(absl::StrCat("no kernel thread polls ", kInInterface));
  return newest;
}

absl::StatusOr<pid_t> PollInThread(const Rig& rig, int cpu) {
  auto written =
      support::RunSuccessfully({"sh", "-c", absl::StrCat("echo 1 > /sys/class/net/", kInInterface, "/threaded")}, rig.forwarder.get());
  if (!written.ok()) return written.status();
  auto thread = FindNapiThread();
  if (!thread.ok()) return thread;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  if (sched_setaffinity(*thread, sizeof cpus, &cpus) != 0)
    return lcore::ErrnoStatus(errno, absl::StrCat("sched_setaffinity(", *thread, ", CPU ", cpu, ")"));
  return thread;
}

class KernelForwarder : public RunningContender {
 public:
  pid_t process() const override { return thread_; }
  absl::Status Check() override { return absl::OkStatus(); }
  absl::Status Stop() override { return absl::OkStatus(); }

 protected:
  pid_t thread_ = kNobody;
};

enum class Poll { kInSoftirq, kInThread };

template <Poll poll>
class RedirectForwarder final : public KernelForwarder {
 public:
  static constexpr bool kThreaded = poll == Poll::kInThread;
  ~RedirectForwarder() override {
    if (link_ >= 0) close(link_);
    if (program_ != nullptr) redirect_bpf__destroy(program_);
  }
  static bool Can(WorkKind kind) { return kind == WorkKind::kIo; }
  absl::Status Open(const Rig& rig, const Assignment& assignment) {
    if (absl::Status status = rig.forwarder->Call([this] { return Attach(); }); !status.ok()) return status;
    if (!kThreaded) return absl::OkStatus();
    auto thread = PollInThread(rig, assignment.forwarder_cpu);
    if (!thread.ok()) return thread.status();
    thread_ = *thread;
    return absl::OkStatus();
  }

 private:
  absl::Status Attach() {
    program_ = redirect_bpf__open_and_load();
    if (program_ == nullptr) return lcore::ErrnoStatus(errno, "load kernel_redirect", "needs CAP_BPF");
    const uint32_t key = 0, out = if_nametoindex(kOutInterface);
    if (const int error = bpf_map_update_elem(bpf_map__fd(program_->maps.out_device), &key, &out, BPF_ANY)) {
      return lcore::ErrnoStatus(-error, absl::StrCat("bpf_map_update_elem(devmap, ", kOutInterface, ")"));
    }
    LIBBPF_OPTS(bpf_link_create_opts, attach, .flags = XDP_FLAGS_DRV_MODE);
    link_ =
        bpf_link_create(bpf_program__fd(program_->progs.kernel_redirect), static_cast<int>(if_nametoindex(kInInterface)), BPF_XDP, &attach);
    if (link_ < 0) return lcore::ErrnoStatus(-link_, absl::StrCat("bpf_link_create(", kInInterface, ", native)"));
    return absl::OkStatus();
  }

  redirect_bpf* program_ = nullptr;
  int link_ = -1;
};

class BridgeForwarder final : public KernelForwarder {
 public:
  static constexpr bool kThreaded = true;
  static bool Can(WorkKind kind) { return kind == WorkKind::kIo || kind == WorkKind::kTcp; }
  absl::Status Open(const Rig& rig, const Assignment& assignment) {
    // The bridge and its ports go with the rig.
    for (const support::Arguments& words : std::initializer_list<support::Arguments>{{"add", "plxbridge", "type", "bridge"},
                                                                                     {"set", kInInterface, "master", "plxbridge"},
                                                                                     {"set", kOutInterface, "master", "plxbridge"},
                                                                                     {"set", "plxbridge", "up"}}) {
      support::Arguments command = {"ip", "link"};
      command.insert(command.end(), words.begin(), words.end());
      if (auto done = support::RunSuccessfully(command, rig.forwarder.get()); !done.ok()) return done.status();
    }
    if (assignment.kind == WorkKind::kTcp) return absl::OkStatus();
    auto thread = PollInThread(rig, assignment.forwarder_cpu);
    if (!thread.ok()) return thread.status();
    thread_ = *thread;
    return absl::OkStatus();
  }
};

class NoForwarder final : public KernelForwarder {
 public:
  static constexpr bool kThreaded = false;
  static bool Can(WorkKind kind) { return kind == WorkKind::kTcp; }
  absl::Status Open(const Rig& rig, const Assignment& /*assignment*/) {
    for (const auto& [network, interface] : {std::pair(rig.source.get(), kSourceInterface), std::pair(rig.sink.get(), kSinkInterface)}) {
      if (auto done = support::RunSuccessfully({"ip", "link", "del", interface}, network); !done.ok()) return done.status();
    }
    return support::AddVethPair({*rig.source, kSourceInterface}, {*rig.sink, kSinkInterface});
  }
};

template <typename ForwarderKind>
class KernelContender final : public Contender {
 public:
  KernelContender(std::string name, std::string description) : name_(std::move(name)), description_(std::move(description)) {}
  const std::string& name() const override { return name_; }
  std::string Description() const override { return description_; }
  absl::Status Available() const override { return absl::OkStatus(); }
  // A thread polls one queue: several queues would be several workers.
  bool Can(WorkKind kind, uint32_t queue_count) const override {
    return ForwarderKind::Can(kind) && (queue_count == 1 || !ForwarderKind::kThreaded);
  }
  bool IsProgram() const override { return false; }
  absl::StatusOr<std::unique_ptr<RunningContender>> Start(const Rig& rig, const Assignment& assignment) const override {
    auto forwarder = std::make_unique<ForwarderKind>();
    if (absl::Status status = forwarder->Open(rig, assignment); !status.ok()) return status;
    return std::unique_ptr<RunningContender>(std::move(forwarder));
  }

 private:
  const std::string name_;
  const std::string description_;
};

}  // namespace

std::unique_ptr<Contender> MakeRedirectContender() {
  return std::make_unique<KernelContender<RedirectForwarder<Poll::kInSoftirq>>>(
      "redirect", "the limit: the kernel's XDP_REDIRECT through a devmap, all of it in the softirq of the source's CPU");
}

std::unique_ptr<Contender> MakeRedirectThreadContender() {
  return std::make_unique<KernelContender<RedirectForwarder<Poll::kInThread>>>(
      "redirect-thread", "the same in a NAPI thread on the forwarder's CPU; the source's pages cross CPUs and are not used again");
}

std::unique_ptr<Contender> MakeBridgeContender() {
  return std::make_unique<KernelContender<BridgeForwarder>>(
      "bridge", "the kernel's bridge, NAPI thread on the forwarder's CPU; between pods in whoever sends");
}

std::unique_ptr<Contender> MakeStraightContender() {
  return std::make_unique<KernelContender<NoForwarder>>("straight", "no forwarder: one veth pair from pod to pod");
}

}  // namespace pollux::performance
