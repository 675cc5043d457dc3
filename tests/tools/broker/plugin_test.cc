// SPDX-License-Identifier: Apache-2.0
// The device plugin's protocol, byte for byte. Unmodified DPDK on it: tests/tools/broker/dpdk_test.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <span>
#include <string>

#include <gtest/gtest.h>

#include "pmd/af_xdp/descriptor_message.h"
#include "tests/tools/broker/broker_rig.h"
#include "tools/support/patience.h"

namespace pollux {
namespace {

using support::BrokerRig;

class PluginTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "needs root";
    rig_ = BrokerRig::Create();
    ASSERT_NE(rig_, nullptr);
    rig_->Start(R"("device_plugin": [{"interface": "p0", "user": "nobody", "folder": ")" + rig_->folder() + R"(/p0"}])");
  }

  bpf::UniqueFd Connect() {
    bpf::UniqueFd connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (rig_->folder() + "/p0/afxdp.sock").c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return connection;
  }

  // The answer, with "+fd" for each descriptor that came with it; "end" when the connection ended.
  static std::string Ask(const bpf::UniqueFd& connection, const std::string& request) {
    if (pmd::af_xdp::SendMessage(connection.get(), std::as_bytes(std::span(request)), {}, 0) != 0) return "end";
    std::array<char, 256> answer;
    const auto received = pmd::af_xdp::ReceiveMessage(connection.get(), std::as_writable_bytes(std::span(answer)), 0);
    if (received.error != 0 || received.bytes == 0) return "end";
    std::string text(answer.data(), received.bytes);
    for (std::size_t count = 0; count < received.descriptors.size(); ++count) text += "+fd";
    return text;
  }

  std::unique_ptr<BrokerRig> rig_;
};

TEST_F(PluginTest, AnswersAsTheDevicePluginDoes) {
  const auto connection = Connect();
  EXPECT_EQ(Ask(connection, "/connect,host"), "/host_ok");
  EXPECT_EQ(Ask(connection, "/version"), "0.1");
  EXPECT_EQ(Ask(connection, "/xsk_map_fd,p0"), "/fd_ack+fd");
  EXPECT_EQ(Ask(connection, "/config_busy_poll,20,64"), "/config_busy_poll_nak") << "without a socket";
  EXPECT_EQ(Ask(connection, "/nonsense"), "/nak");
  EXPECT_EQ(Ask(connection, "/fin"), "/fin_ack");
  EXPECT_EQ(Ask(connection, "/version"), "end");
}

TEST_F(PluginTest, TakesAZeroByteAndASpace) {
  const auto connection = Connect();
  EXPECT_EQ(Ask(connection, std::string("/connect, host\0", 15)), "/host_ok");
  EXPECT_EQ(Ask(connection, std::string("/xsk_map_fd, p0\0", 16)), "/fd_ack+fd");
}

TEST_F(PluginTest, RefusesByEndingTheConnection) {
  const auto silent = Connect();
  EXPECT_EQ(Ask(silent, "/xsk_map_fd,p0"), "/host_nak") << "the first message connects";
  EXPECT_EQ(Ask(silent, "/connect,host"), "end");
  // DPDK takes any other answer for a success.
  const auto other = Connect();
  EXPECT_EQ(Ask(other, "/connect,host"), "/host_ok");
  EXPECT_EQ(Ask(other, "/xsk_map_fd,p1"), "end");
  const auto long_winded = Connect();
  EXPECT_EQ(Ask(long_winded, std::string(4000, 'x')), "end");
}

TEST_F(PluginTest, TheProgramStaysForTheProcessThatHasTheMap) {
  const auto connection = Connect();
  ASSERT_EQ(Ask(connection, "/connect,host"), "/host_ok");
  ASSERT_EQ(Ask(connection, "/xsk_map_fd,p0"), "/fd_ack+fd");
  ASSERT_EQ(Ask(connection, "/fin"), "/fin_ack");
  ASSERT_TRUE(rig_->broker().Signal(SIGKILL).ok());
  ASSERT_TRUE(rig_->broker().Wait().ok());
  // This process has been given the map, and lives.
  EXPECT_TRUE(rig_->HasProgram());
  rig_->Restart();
  EXPECT_TRUE(rig_->HasProgram());
  const auto again = Connect();
  EXPECT_EQ(Ask(again, "/connect,host"), "/host_ok");
  EXPECT_EQ(Ask(again, "/xsk_map_fd,p0"), "/fd_ack+fd");
}

TEST_F(PluginTest, WithoutClientsTheProgramGoesWithTheBroker) {
  EXPECT_TRUE(rig_->HasProgram());
  ASSERT_TRUE(rig_->broker().Signal(SIGTERM).ok());
  ASSERT_TRUE(rig_->broker().Wait().ok());
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasProgram(); }));
}

}  // namespace
}  // namespace pollux
