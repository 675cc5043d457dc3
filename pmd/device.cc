// SPDX-License-Identifier: Apache-2.0
#include "pmd/device.h"

#include <absl/strings/str_cat.h>

namespace pollux::pmd {
namespace {

absl::Status Unsupported(const Device& device, const char* setting) {
  const DeviceInfo info = device.Info();
  return absl::UnimplementedError(absl::StrCat(info.name, ": driver ", info.driver, " has no ", setting, " to set"));
}

}  // namespace

const char* EventName(DeviceEvent::Kind kind) {
  constexpr const char* kNames[] = {"settings", "renamed", "gone", "back", "mtu", "link", "queues", "features", "stalled", "moves"};
  return kNames[static_cast<int>(kind)];
}

absl::StatusOr<std::unique_ptr<mempool::Region>> Device::MakeRegion(const mempool::RegionOptions& options) {
  return mempool::Region::Create(options);
}

absl::Status Device::SetPromiscuous(bool) {
  return Unsupported(*this, "promiscuous mode");
}
absl::Status Device::SetMtu(std::size_t) {
  return Unsupported(*this, "MTU");
}
absl::Status Device::SetMac(const MacAddress&) {
  return Unsupported(*this, "MAC address");
}
absl::Status Device::UseFlows(std::shared_ptr<FlowTable>, uint32_t, FlowRole) {
  const DeviceInfo info = Info();
  return absl::UnimplementedError(
      absl::StrCat(info.name, ": driver ", info.driver, " has no flows: they need a kernel interface (net_af_xdp)"));
}

}  // namespace pollux::pmd
