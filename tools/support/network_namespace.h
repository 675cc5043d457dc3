// SPDX-License-Identifier: Apache-2.0
// NetworkNamespace: a network namespace of the kernel, for the length of a test or of a measurement. Any thread, one at a time.
#ifndef TOOLS_SUPPORT_NETWORK_NAMESPACE_H_
#define TOOLS_SUPPORT_NETWORK_NAMESPACE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::support {

class NetworkNamespace {
 public:
  // Named "plx<our pid>-<label>" and visible to `ip netns`. Has a bpf file system, which ChildProcess shows to its children as
  // /sys/fs/bpf. Destroying it kills the processes inside: whatever was started there belongs to it. Removes what killed processes left
  // first. PERMISSION_DENIED without CAP_SYS_ADMIN: MayCreate tells beforehand.
  static absl::StatusOr<std::unique_ptr<NetworkNamespace>> Create(const std::string& label);
  static bool MayCreate();

  // Without a name: it and all its devices are gone with the last process that holds it, SIGKILL or not. IPv6 is off in it, so that the
  // kernel sends nothing of its own; every child has a bpf file system of its own.
  static absl::StatusOr<std::unique_ptr<NetworkNamespace>> CreateUnnamed();

  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  const std::string& name() const { return name_; }                        // empty: unnamed
  const std::string& bpf_file_system() const { return bpf_file_system_; }  // empty: unnamed
  int fd() const { return fd_; }
  // By which `ip link ... netns PATH` finds it.
  std::string path() const;

  // Runs `action` with the calling thread in this namespace.
  absl::Status Call(const std::function<absl::Status()>& action) const;
  // Moves the calling thread for good.
  absl::Status Enter() const;

  // Processes inside, by /proc.
  std::vector<pid_t> Processes() const;

  // Removes the namespaces of processes that are gone ("plx<pid>-..." where no process <pid> exists); returns how many.
  static int RemoveStale();

 private:
  NetworkNamespace() = default;

  std::string name_;
  std::string bpf_file_system_;
  int fd_ = -1;
};

// Moves the calling thread into a namespace, and back when it goes out of scope.
class NamespaceScope {
 public:
  static absl::StatusOr<std::unique_ptr<NamespaceScope>> Enter(const NetworkNamespace& network);

  ~NamespaceScope();
  NamespaceScope(const NamespaceScope&) = delete;
  NamespaceScope& operator=(const NamespaceScope&) = delete;

 private:
  NamespaceScope() = default;

  int home_fd_ = -1;
};

}  // namespace pollux::support

#endif  // TOOLS_SUPPORT_NETWORK_NAMESPACE_H_
