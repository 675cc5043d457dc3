// SPDX-License-Identifier: Apache-2.0
// net_ring: ports made of rings in this process. Packets pass as they are: no copy, no kernel, no root.
//
//   net_ring0                                    a loopback: what tx queue q sends, rx queue q receives
//   net_ring0  net_ring1,peer=net_ring0          a pair: tx queue q of one is rx queue q of the other
#ifndef PMD_RING_RING_DEVICE_H_
#define PMD_RING_RING_DEVICE_H_

#include <memory>

#include <absl/status/statusor.h>

#include "pmd/device.h"
#include "pmd/device_arguments.h"

namespace pollux::pmd {

inline constexpr const char* kRingDriver = "net_ring";
inline constexpr const char* kRingArguments =
    "peer=NAME                     join crosswise with this open ring port (none: loopback)\n"
    "sg=auto|on|off                receive packets of several frames: on, if the program takes such (default auto: no)\n"
    "nodeaction=RING:NODE:CREATE   accepted as DPDK has it: a loopback of its own (ATTACH: use peer=)";

// The capacity of a wire is the rx_ring of the port that receives from it. A packet in the wire counts as sent by the one and not yet
// received by the other; what a port finds in its wires when it stops is freed and counted (rx_missed, "discarded_at_stop"). A packet sent
// to a port that is stopped, closed, or without that queue is taken and dropped (tx_dropped, "dropped_no_receiver").
//
// Packets of several frames pass if the port that receives them has sg=on, and a user who takes such (DeviceConfig::scattered), whatever
// the sender has; if not, they are dropped (tx_dropped, "dropped_too_many_frames").
//
// Frames keep their pools: whoever owns the pool of a packet keeps it until the packet is freed, by whichever port.
absl::StatusOr<std::unique_ptr<Device>> OpenRingDevice(DeviceArguments arguments);

}  // namespace pollux::pmd

#endif  // PMD_RING_RING_DEVICE_H_
