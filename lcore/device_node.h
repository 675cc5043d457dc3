// SPDX-License-Identifier: Apache-2.0
// The NUMA node that a network interface is attached to.
#ifndef LCORE_DEVICE_NODE_H_
#define LCORE_DEVICE_NODE_H_

#include <optional>
#include <string>

namespace pollux::lcore {

// Returns the node of interface `name` from SYSFS_ROOT/class/net/NAME/device/numa_node. A virtio NIC has that file one folder
// higher, at the PCI device that carries it, so the folders above are looked at too. nullopt: the interface is not hardware (veth,
// tap, bridge), does not exist, or the firmware does not tell the node (-1 in the file).
std::optional<unsigned> DeviceNumaNode(const std::string& name, const std::string& sysfs_root = "/sys");

}  // namespace pollux::lcore

#endif  // LCORE_DEVICE_NODE_H_
