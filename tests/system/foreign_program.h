// SPDX-License-Identifier: Apache-2.0
// ForeignProgram: an XDP program of somebody else on an interface.
#ifndef TESTS_SYSTEM_FOREIGN_PROGRAM_H_
#define TESTS_SYSTEM_FOREIGN_PROGRAM_H_

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "tools/support/network_namespace.h"

namespace pollux::system_tests {

// Passes every packet on to the kernel; attached natively until the object goes.
class ForeignProgram {
 public:
  static constexpr char kName[] = "plx_foreign";

  static absl::StatusOr<std::unique_ptr<ForeignProgram>> Attach(const support::NetworkNamespace& network, const std::string& interface);

  ~ForeignProgram();
  ForeignProgram(const ForeignProgram&) = delete;
  ForeignProgram& operator=(const ForeignProgram&) = delete;

 private:
  ForeignProgram() = default;

  int program_fd_ = -1;
  int link_fd_ = -1;
};

}  // namespace pollux::system_tests

#endif  // TESTS_SYSTEM_FOREIGN_PROGRAM_H_
