// SPDX-License-Identifier: Apache-2.0
// NetworkNamespace: a network namespace of the kernel for the length of a test.
#ifndef TESTS_SUPPORT_NETWORK_NAMESPACE_H_
#define TESTS_SUPPORT_NETWORK_NAMESPACE_H_

#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::support {

// Named "plx<pid of the test>-<label>" and visible to `ip netns`. Has a bpf file system, which ChildProcess shows to its
// children as /sys/fs/bpf. Destroying it kills the processes inside: whatever was started there belongs to the test.
class NetworkNamespace {
 public:
  // Removes what killed tests left first. PERMISSION_DENIED without CAP_SYS_ADMIN: MayCreate tells beforehand.
  static absl::StatusOr<std::unique_ptr<NetworkNamespace>> Create(const std::string& label);
  static bool MayCreate();

  ~NetworkNamespace();
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;

  const std::string& name() const { return name_; }
  int fd() const { return fd_; }
  const std::string& bpf_file_system() const { return bpf_file_system_; }

  // Processes inside, by /proc.
  std::vector<pid_t> Processes() const;

  // Removes the namespaces of tests that are gone ("plx<pid>-..." where no process <pid> exists); returns how many.
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

#endif  // TESTS_SUPPORT_NETWORK_NAMESPACE_H_
