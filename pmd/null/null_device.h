// SPDX-License-Identifier: Apache-2.0
// net_null: packets from nowhere, and to nowhere. Measures the rest of a program, without a kernel and without root.
#ifndef PMD_NULL_NULL_DEVICE_H_
#define PMD_NULL_NULL_DEVICE_H_

#include <memory>

#include <absl/status/statusor.h>

#include "pmd/device.h"
#include "pmd/device_arguments.h"

namespace pollux::pmd {

inline constexpr const char* kNullDriver = "net_null";
inline constexpr const char* kNullArguments =
    "size=BYTES  length of the packets received, 1 to what a frame holds (64)\n"
    "copy=0|1    touch every byte: write received packets, read sent ones (0: their contents are what the frame held)\n"
    "no-rx=0|1   receive nothing (0)";

// Receive fills every burst, as long as the pool has frames; Send takes all and frees them at once: they count as sent.
absl::StatusOr<std::unique_ptr<Device>> OpenNullDevice(DeviceArguments arguments);

}  // namespace pollux::pmd

#endif  // PMD_NULL_NULL_DEVICE_H_
