// SPDX-License-Identifier: Apache-2.0
// NamespaceThread: a thread in a network namespace of its own, that does what others ask for there.
#ifndef PMD_AF_XDP_NAMESPACE_THREAD_H_
#define PMD_AF_XDP_NAMESPACE_THREAD_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"

namespace pollux::pmd::af_xdp {

// The namespace lives as long as this, and what has files open in it: it goes with the process, SIGKILL or not. Whoever goes into a
// namespace needs CAP_SYS_ADMIN each time; the thread is there, needs it once, and keeps only what opening a port takes.
class NamespaceThread {
 public:
  // PERMISSION_DENIED without CAP_SYS_ADMIN.
  static absl::StatusOr<std::unique_ptr<NamespaceThread>> Create();
  ~NamespaceThread();
  NamespaceThread(const NamespaceThread&) = delete;
  NamespaceThread& operator=(const NamespaceThread&) = delete;

  int descriptor() const { return network_.get(); }
  // Calls `job` there, and waits. Any thread; one job after the other.
  void Do(const std::function<void()>& job);

 private:
  NamespaceThread() = default;
  absl::Status Enter();
  void Work();

  std::mutex one_at_a_time_;
  std::mutex lock_;
  std::condition_variable changed_;
  const std::function<void()>* job_ = nullptr;  // guarded by lock_
  bool ends_ = false;                           // guarded by lock_
  bpf::UniqueFd network_;
  std::thread thread_;
};

}  // namespace pollux::pmd::af_xdp

#endif  // PMD_AF_XDP_NAMESPACE_THREAD_H_
