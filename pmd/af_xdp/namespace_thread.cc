// SPDX-License-Identifier: Apache-2.0
#include "pmd/af_xdp/namespace_thread.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>

#include <cerrno>
#include <utility>

#include "bpf/privilege.h"
#include "lcore/capabilities.h"
#include "lcore/errno_status.h"

namespace pollux::pmd::af_xdp {

absl::StatusOr<std::unique_ptr<NamespaceThread>> NamespaceThread::Create() {
  std::unique_ptr<NamespaceThread> created(new NamespaceThread());
  absl::Status status;
  const std::function<void()> enter = [&] { status = created->Enter(); };
  created->thread_ = std::thread([thread = created.get()] { thread->Work(); });
  created->Do(enter);
  if (!status.ok()) return status;
  return created;
}

NamespaceThread::~NamespaceThread() {
  {
    const std::lock_guard lock(lock_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

absl::Status NamespaceThread::Enter() {
  if (unshare(CLONE_NEWNET) != 0) return bpf::CallStatus(errno, "unshare(CLONE_NEWNET)", {CAP_SYS_ADMIN});
  network_ = bpf::UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!network_) return lcore::ErrnoStatus(errno, "open /proc/thread-self/ns/net");
  return lcore::KeepCapabilities({CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF, CAP_PERFMON, CAP_IPC_LOCK});
}

void NamespaceThread::Do(const std::function<void()>& job) {
  const std::lock_guard turn(one_at_a_time_);
  std::unique_lock lock(lock_);
  job_ = &job;
  changed_.notify_all();
  changed_.wait(lock, [this] { return job_ == nullptr; });
}

void NamespaceThread::Work() {
  std::unique_lock lock(lock_);
  for (;;) {
    changed_.wait(lock, [this] { return job_ != nullptr || ends_; });
    if (ends_) return;
    (*job_)();
    job_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace pollux::pmd::af_xdp
