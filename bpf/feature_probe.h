// SPDX-License-Identifier: Apache-2.0
// What this kernel and this interface's driver can do, asked at run time.
#ifndef BPF_FEATURE_PROBE_H_
#define BPF_FEATURE_PROBE_H_

#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

namespace pollux::bpf {

// From the netdev netlink family (6.3+). On an older kernel `known` is false and the rest 0: try, and see what bind answers.
struct DeviceFeatures {
  bool known = false;
  uint64_t xdp_actions = 0;         // kXdpAction* of bpf/uapi.h
  uint32_t zero_copy_segments = 0;  // 0 or 1: no multi-buffer in zero-copy mode
  uint64_t rx_metadata = 0;
  uint64_t xsk_features = 0;
};
absl::StatusOr<DeviceFeatures> ProbeDevice(const std::string& interface);
absl::StatusOr<DeviceFeatures> ProbeDevice(int interface_index);

enum class QueueDirection { kRx, kTx };
// The NAPI instance that serves a queue, which preferred busy polling needs. Empty: the driver does not link it, or the kernel
// cannot tell (before 6.8).
std::optional<uint32_t> QueueNapiId(const std::string& interface, uint32_t queue, QueueDirection direction);
std::optional<uint32_t> QueueNapiId(int interface_index, uint32_t queue, QueueDirection direction);

// "zero-copy, redirect, transmit" and so on, for reports.
std::string DescribeFeatures(const DeviceFeatures& features);

}  // namespace pollux::bpf

#endif  // BPF_FEATURE_PROBE_H_
