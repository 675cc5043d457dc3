// SPDX-License-Identifier: Apache-2.0
#include "lcore/device_node.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

namespace fs = std::filesystem;

// A sysfs with the links that a kernel makes: class/net/NAME -> devices/.../net/NAME, and there device -> the folder of the device.
class DeviceNodeTest : public testing::Test {
 protected:
  DeviceNodeTest() : root_(fs::path(testing::TempDir()) / ("plx_sysfs_" + std::to_string(getpid()))) {
    fs::remove_all(root_);
    fs::create_directories(root_ / "class" / "net");
  }
  ~DeviceNodeTest() override { fs::remove_all(root_); }

  void AddHardware(const std::string& name, const std::string& device) {
    const fs::path net = root_ / "devices" / device / "net" / name;
    fs::create_directories(net);
    fs::create_symlink("../..", net / "device");
    fs::create_symlink(fs::path("../../devices") / device / "net" / name, root_ / "class" / "net" / name);
  }

  void WriteNode(const std::string& device, const std::string& text) { std::ofstream(root_ / "devices" / device / "numa_node") << text; }

  std::optional<unsigned> NodeOf(const std::string& name) const { return DeviceNumaNode(name, root_.string()); }

  const fs::path root_;
};

TEST_F(DeviceNodeTest, ReadsThePciDevice) {
  AddHardware("eth0", "pci0000:00/0000:00:03.0");
  WriteNode("pci0000:00/0000:00:03.0", "1\n");
  EXPECT_EQ(NodeOf("eth0"), 1u);
}

TEST_F(DeviceNodeTest, ReadsTheParentOfAVirtioDevice) {
  AddHardware("eth1", "pci0000:00/0000:00:04.0/virtio2");
  WriteNode("pci0000:00/0000:00:04.0", "3\n");
  EXPECT_EQ(NodeOf("eth1"), 3u);
}

TEST_F(DeviceNodeTest, MinusOneIsUnknown) {
  AddHardware("eth2", "pci0000:00/0000:00:05.0");
  WriteNode("pci0000:00/0000:00:05.0", "-1\n");
  WriteNode("pci0000:00", "0\n");
  EXPECT_EQ(NodeOf("eth2"), std::nullopt) << "the device's own word counts, not its bridge's";
}

TEST_F(DeviceNodeTest, AVirtualInterfaceHasNone) {
  const fs::path net = root_ / "devices" / "virtual" / "net" / "veth0";
  fs::create_directories(net);
  fs::create_symlink("../../devices/virtual/net/veth0", root_ / "class" / "net" / "veth0");
  WriteNode("virtual", "0\n");
  EXPECT_EQ(NodeOf("veth0"), std::nullopt);
}

TEST_F(DeviceNodeTest, AMissingInterfaceOrFileIsUnknown) {
  AddHardware("eth3", "platform/soc");
  EXPECT_EQ(NodeOf("eth3"), std::nullopt);
  EXPECT_EQ(NodeOf("eth9"), std::nullopt);
  EXPECT_EQ(DeviceNumaNode("eth0", "/nonexistent"), std::nullopt);
}

TEST_F(DeviceNodeTest, AMalformedFileIsUnknown) {
  AddHardware("eth4", "pci0000:00/0000:00:06.0");
  WriteNode("pci0000:00/0000:00:06.0", "one\n");
  EXPECT_EQ(NodeOf("eth4"), std::nullopt);
}

TEST_F(DeviceNodeTest, ANameThatIsAPathIsUnknown) {
  AddHardware("eth0", "pci0000:00/0000:00:03.0");
  WriteNode("pci0000:00/0000:00:03.0", "1\n");
  EXPECT_EQ(NodeOf("../net/eth0"), std::nullopt);
  EXPECT_EQ(NodeOf(""), std::nullopt);
}

TEST(DeviceNodeOnThisMachineTest, LoopbackHasNone) {
  EXPECT_EQ(DeviceNumaNode("lo"), std::nullopt);
}

}  // namespace
}  // namespace pollux::lcore
