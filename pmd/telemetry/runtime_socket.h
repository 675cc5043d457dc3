// SPDX-License-Identifier: Apache-2.0
// RuntimeSocket: where the telemetry socket of a process is, and that it is nobody else's.
#ifndef PMD_TELEMETRY_RUNTIME_SOCKET_H_
#define PMD_TELEMETRY_RUNTIME_SOCKET_H_

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "bpf/unique_fd.h"

namespace pollux::pmd::telemetry {

// RUN/dpdk, by DPDK's rule (telemetry.h).
std::string RuntimeFolder();

// A listening SEQPACKET socket in RuntimeFolder()/PREFIX, mode 0600 in a folder of mode 0700. The destructor removes it, and the folder
// if nothing else is in it.
class RuntimeSocket {
 public:
  static constexpr int kMostInstances = 10;

  // Errors as Telemetry::Start.
  static absl::StatusOr<std::unique_ptr<RuntimeSocket>> Listen(const std::string& prefix);
  ~RuntimeSocket();

  int descriptor() const { return listener_.get(); }
  const std::string& path() const { return path_; }

 private:
  static absl::StatusOr<std::unique_ptr<RuntimeSocket>> TryListen(const std::string& prefix);
  RuntimeSocket(bpf::UniqueFd listener, std::string folder, std::string path);

  const bpf::UniqueFd listener_;
  const std::string folder_;
  const std::string path_;
};

}  // namespace pollux::pmd::telemetry

#endif  // PMD_TELEMETRY_RUNTIME_SOCKET_H_
