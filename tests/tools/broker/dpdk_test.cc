// SPDX-License-Identifier: Apache-2.0
// Unmodified DPDK on the broker's ports: Debian's dpdk-testpmd 24.11, as an ordinary user. It sends back what it receives.
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/frame_socket.h"
#include "tests/support/scratch_folder.h"
#include "tests/tools/broker/broker_rig.h"

namespace pollux {
namespace {

using support::BrokerRig;
using support::ChildProcess;
using support::FrameSocket;

constexpr int kNotToBeHad = 3;  // exit code of dpdk.py
constexpr std::chrono::seconds kFetchPatience{400};
constexpr int kFrames = 500;
constexpr char kPin[] = "/sys/fs/bpf/plx-xsks_map";  // the bpf file system of the test's namespace

// An experimental EtherType (IEEE 802), so that nothing else on the wire is taken for one of these.
FrameSocket::Frame Numbered(int number) {
  FrameSocket::Frame frame(64);
  const uint8_t header[] = {
      0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xB5, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
  for (std::size_t at = 0; at < sizeof(header); ++at) frame[at] = static_cast<std::byte>(header[at]);
  return frame;
}

class DpdkTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "needs root";
    const auto fetched = support::RunCommand({"python3", "tests/tools/broker/dpdk.py"}, nullptr, kFetchPatience);
    ASSERT_TRUE(fetched.ok()) << fetched.status();
    if (fetched->exit_code == kNotToBeHad) GTEST_SKIP() << fetched->errors;
    ASSERT_EQ(fetched->exit_code, 0) << fetched->errors;
    root_ = fetched->output.substr(0, fetched->output.find('\n'));
    rig_ = BrokerRig::Create();
    ASSERT_NE(rig_, nullptr);
  }

  std::string Folder() const { return rig_->folder() + "/p0"; }

  // dpdk-testpmd with one port that forwards to itself, once it says this; null, having failed the test, if it does not.
  std::unique_ptr<ChildProcess> StartTestpmd(const std::string& device, const std::string& says = "testpmd> ") {
    auto started = ChildProcess::Start({"tests/tools/broker/dpdk_testpmd.sh", root_, scratch_.File("dpdk"), "-l", "0,1", "--vdev", device,
                                        "--", "-i", "--auto-start", "--port-topology=loop", "--total-num-mbufs=8192"},
                                       &rig_->network());
    EXPECT_TRUE(started.ok()) << started.status();
    if (!started.ok() || !(*started)->WaitForText(says).ok()) {
      ADD_FAILURE() << (started.ok() ? (*started)->Transcript() : "") << rig_->broker().Transcript();
      return nullptr;
    }
    return *std::move(started);
  }

  // Frames into the far end, one after the other comes back; then what testpmd counted.
  void ExpectTraffic(ChildProcess& testpmd) {
    auto far_end = FrameSocket::Open(rig_->network(), "p1");
    ASSERT_TRUE(far_end.ok()) << far_end.status();
    for (int number = 0; number < kFrames; ++number) {
      const auto frame = Numbered(number);
      ASSERT_TRUE((*far_end)->Send(frame).ok());
      const auto back = (*far_end)->Receive([&](const FrameSocket::Frame& seen) { return seen == frame; }, std::chrono::seconds(10));
      ASSERT_TRUE(back.ok()) << "frame " << number << ": " << back.status() << testpmd.Transcript();
    }
    ASSERT_TRUE(testpmd.Write("quit\n").ok());
    const auto code = testpmd.Wait();
    ASSERT_TRUE(code.ok()) << code.status();
    EXPECT_EQ(*code, 0) << testpmd.Transcript();
    EXPECT_GE(Counted(testpmd, "RX-packets: "), kFrames) << testpmd.Transcript();
    EXPECT_GE(Counted(testpmd, "TX-packets: "), kFrames) << testpmd.Transcript();
  }

  static int Counted(const ChildProcess& testpmd, const std::string& name) {
    const std::string output = testpmd.Output();
    const std::size_t at = output.find(name);
    return at == std::string::npos ? -1 : std::atoi(output.c_str() + at + name.size());
  }

  // Below /run: DPDK loads no drivers from below a folder that everybody may write to.
  const support::ScratchFolder scratch_{"/run", 0755};
  std::string root_;
  std::unique_ptr<BrokerRig> rig_;
};

TEST_F(DpdkTest, ForwardsByTheDevicePluginsProtocol) {
  rig_->Start(R"("device_plugin": [{"interface": "p0", "user": "nobody", "folder": ")" + Folder() + R"("}])");
  const auto testpmd = StartTestpmd("net_af_xdp0,iface=p0,use_cni=1,dp_path=" + Folder() + "/afxdp.sock");
  ASSERT_NE(testpmd, nullptr);
  ExpectTraffic(*testpmd);
  EXPECT_TRUE(rig_->HasProgram()) << "the program is the broker's";
}

TEST_F(DpdkTest, ForwardsByThePinnedMap) {
  // Mostly it is root's alone, and then DPDK finds no map there.
  ASSERT_EQ(chmod(rig_->network().bpf_file_system().c_str(), 0755), 0);
  rig_->Start(R"("device_plugin": [{"interface": "p0", "user": "nobody", "folder": ")" + Folder() + R"(", "pin": ")" + kPin + R"("}])");
  const auto testpmd = StartTestpmd(std::string("net_af_xdp0,iface=p0,use_pinned_map=1,dp_path=") + kPin);
  ASSERT_NE(testpmd, nullptr);
  ExpectTraffic(*testpmd);
  EXPECT_TRUE(rig_->HasProgram()) << "the program is the broker's";
}

TEST_F(DpdkTest, AnotherUserIsNotServed) {
  rig_->Start(R"("device_plugin": [{"interface": "p0", "user": "daemon", "folder": ")" + Folder() + R"("}])");
  EXPECT_NE(StartTestpmd("net_af_xdp0,iface=p0,use_cni=1,dp_path=" + Folder() + "/afxdp.sock", "Permission denied"), nullptr);
}

}  // namespace
}  // namespace pollux
