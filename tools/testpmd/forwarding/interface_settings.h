// SPDX-License-Identifier: Apache-2.0
// InterfaceSettings: what commands change of a kernel interface beside its driver: up or down, all multicast.
#ifndef TOOLS_TESTPMD_FORWARDING_INTERFACE_SETTINGS_H_
#define TOOLS_TESTPMD_FORWARDING_INTERFACE_SETTINGS_H_

#include <memory>
#include <optional>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace pollux::testpmd {

// Follows the interface and not its name. Belongs to the main lcore.
class InterfaceSettings {
 public:
  // NOT_FOUND if there is no such interface in this network namespace.
  static absl::StatusOr<std::unique_ptr<InterfaceSettings>> Of(const std::string& interface);
  // Puts the interface up or down again if it is as it was set here, and leaves all multicast. After a kill -9 the first stays.
  ~InterfaceSettings();
  InterfaceSettings(const InterfaceSettings&) = delete;
  InterfaceSettings& operator=(const InterfaceSettings&) = delete;

  // `ip link set IFACE up|down`.
  absl::Status SetUp(bool up);
  // By the membership of a packet socket, which ends with the process.
  absl::Status SetAllMulticast(bool on);
  bool all_multicast() const { return multicast_descriptor_ >= 0; }

 private:
  InterfaceSettings(int index, int descriptor) : index_(index), descriptor_(descriptor) {}
  absl::StatusOr<short> Flags(std::string& name) const;

  const int index_;
  const int descriptor_;
  std::optional<bool> found_up_;  // before the first SetUp
  bool set_up_ = false;
  int multicast_descriptor_ = -1;
};

}  // namespace pollux::testpmd

#endif  // TOOLS_TESTPMD_FORWARDING_INTERFACE_SETTINGS_H_
