// SPDX-License-Identifier: Apache-2.0
#include "lcore/device_node.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace pollux::lcore {

namespace fs = std::filesystem;

std::optional<unsigned> DeviceNumaNode(const std::string& name, const std::string& sysfs_root) {
  // A name with a slash, or ".", could lead anywhere; the kernel allows neither.
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) return std::nullopt;
  std::error_code error;
  const fs::path root = fs::canonical(sysfs_root, error);
  if (error) return std::nullopt;
  // /sys/class/net/eth0/device is a link to /sys/devices/pci0000:00/0000:00:03.0/virtio0.
  const fs::path device = fs::canonical(root / "class" / "net" / name / "device", error);
  if (error) return std::nullopt;
  for (fs::path folder = device; folder != root && folder.has_relative_path(); folder = folder.parent_path()) {
    std::ifstream file(folder / "numa_node");
    int node = -1;
    if (file >> node) return node < 0 ? std::nullopt : std::optional<unsigned>(static_cast<unsigned>(node));
  }
  return std::nullopt;
}

}  // namespace pollux::lcore
