// SPDX-License-Identifier: Apache-2.0
// Clients that mean harm, each in one way: the broker is none the worse for it, and serves the next. Arbitrary bytes: session_fuzz,
// tests/fuzz/plugin_session_fuzz.cc and broker_test.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pmd/af_xdp/broker_connection.h"
#include "pmd/af_xdp/broker_protocol.h"
#include "pmd/af_xdp/descriptor_message.h"
#include "tests/tools/broker/broker_rig.h"
#include "tools/support/patience.h"

namespace pollux {
namespace {

using pmd::af_xdp::BrokerConnection;
using pmd::af_xdp::broker::Reply;
using pmd::af_xdp::broker::Request;
using pmd::af_xdp::broker::Verb;
using support::BrokerRig;
using support::Eventually;

constexpr std::size_t kMostClientsOfAUser = 64;  // tools/broker/server.h

class HostileClientTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "needs root";
    rig_ = BrokerRig::Create();
    ASSERT_NE(rig_, nullptr);
    Start("");
  }

  // `more`: members of the configuration, each with its comma.
  void Start(const std::string& more) {
    rig_->Start(more + R"("clients": [{"users": ["root"], "ports": [{"interface": "p0"}]}],
                   "device_plugin": [{"interface": "p1", "user": "root", "folder": ")" +
                rig_->folder() + R"(/p1"}])");
  }

  static bpf::UniqueFd ConnectTo(const std::string& path) {
    bpf::UniqueFd connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return connection;
  }
  bpf::UniqueFd Connect() const { return ConnectTo(rig_->socket()); }

  // Makes a port of queue 0 that receives.
  static void Receive(BrokerConnection& client) {
    ASSERT_TRUE(client.Ask({.verb = Verb::kAttach}).ok());
    constexpr uint32_t kBytes = 64 * 2048;
    const auto memory = client.Ask({.verb = Verb::kMemory, .value = kBytes});
    ASSERT_TRUE(memory.ok()) << memory.status();
    const int frames = memory->descriptors.front().get();
    const auto socket = client.Ask({.verb = Verb::kSocket,
                                    .value = kBytes,
                                    .rx_ring = 64,
                                    .tx_ring = 64,
                                    .fill_ring = 64,
                                    .completion_ring = 64,
                                    .frame_size = 2048,
                                    .headroom = 256},
                                   {&frames, 1});
    ASSERT_TRUE(socket.ok()) << socket.status();
    ASSERT_TRUE(client.Ask({.verb = Verb::kReceive}).ok());
  }

  static int Ask(const bpf::UniqueFd& connection, std::span<const int> descriptors = {}) {
    const Request request;
    return pmd::af_xdp::SendMessage(connection.get(), std::as_bytes(std::span(&request, 1)), descriptors, MSG_DONTWAIT);
  }

  static bool HasEnded(const bpf::UniqueFd& connection) {
    pollfd polled{connection.get(), POLLRDHUP, 0};
    return poll(&polled, 1, 0) == 1;
  }

  std::size_t DescriptorsOfBroker() {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(rig_->broker().pid()) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  void ExpectServed() {
    EXPECT_TRUE(Eventually([this] { return BrokerConnection::Open(rig_->socket(), "p0").ok(); })) << rig_->broker().Transcript();
  }

  std::unique_ptr<BrokerRig> rig_;
};

TEST_F(HostileClientTest, DescriptorsThatNobodyAskedForAreClosed) {
  const bpf::UniqueFd connection = Connect();
  Reply reply;
  ASSERT_EQ(Ask(connection), 0);
  ASSERT_EQ(pmd::af_xdp::ReceiveMessage(connection.get(), std::as_writable_bytes(std::span(&reply, 1)), 0).error, 0);
  const std::size_t before = DescriptorsOfBroker();
  const std::vector<int> descriptors(pmd::af_xdp::kMostDescriptorsOfAMessage, rig_->network().fd());
  for (int message = 0; message < 50; ++message) {
    ASSERT_EQ(Ask(connection, descriptors), 0);
    ASSERT_EQ(pmd::af_xdp::ReceiveMessage(connection.get(), std::as_writable_bytes(std::span(&reply, 1)), 0).bytes, sizeof(reply));
  }
  // The last ones go after the answer.
  EXPECT_TRUE(Eventually([&] { return DescriptorsOfBroker() == before; })) << DescriptorsOfBroker() << ", before " << before;
  ExpectServed();
}

TEST_F(HostileClientTest, WhoDoesNotReadItsAnswersIsLetGo) {
  const bpf::UniqueFd connection = Connect();
  const bool ended = Eventually([&] {
    while (Ask(connection) == 0) {
    }
    return HasEnded(connection);
  });
  EXPECT_TRUE(ended);
  EXPECT_TRUE(rig_->broker().WaitForText("it does not read its answers").ok()) << rig_->broker().Transcript();
  ExpectServed();
}

TEST_F(HostileClientTest, ConnectionsOfAUserAreBounded) {
  std::vector<bpf::UniqueFd> connections;
  for (std::size_t count = 0; count < kMostClientsOfAUser; ++count) connections.push_back(Connect());
  const bpf::UniqueFd one_more = Connect();
  EXPECT_TRUE(Eventually([&] { return HasEnded(one_more); }));
  for (const bpf::UniqueFd& connection : connections) EXPECT_FALSE(HasEnded(connection));
  connections.clear();
  ExpectServed();
}

TEST_F(HostileClientTest, WhoOpensNothingIsLetGo) {
  Start(R"("handshake_seconds": 1, )");
  const bpf::UniqueFd silent = Connect(), silent_plugin = ConnectTo(rig_->folder() + "/p1/afxdp.sock"), talker = Connect();
  // Nor does it help to say something all the time.
  const bool ended = Eventually([&] {
    Ask(talker);
    Reply reply;
    pmd::af_xdp::ReceiveMessage(talker.get(), std::as_writable_bytes(std::span(&reply, 1)), MSG_DONTWAIT);
    return HasEnded(silent) && HasEnded(silent_plugin) && HasEnded(talker);
  });
  EXPECT_TRUE(ended) << rig_->broker().Transcript();
  EXPECT_TRUE(rig_->broker().WaitForText("it opened nothing in time").ok()) << rig_->broker().Transcript();
  ExpectServed();
}

TEST_F(HostileClientTest, WhoStopsHalfWayIsLetGoAndWhoReceivesIsNot) {
  Start(R"("idle_seconds": 1, )");
  const auto half_way = BrokerConnection::Open(rig_->socket(), "p0"), at_work = BrokerConnection::Open(rig_->socket(), "p0");
  ASSERT_TRUE(half_way.ok() && at_work.ok());
  Receive(**at_work);
  ASSERT_FALSE(HasFatalFailure());
  ASSERT_TRUE((*half_way)->Ask({.verb = Verb::kAttach}).ok());
  EXPECT_TRUE(rig_->broker().WaitForText("it stopped half-way").ok()) << rig_->broker().Transcript();
  EXPECT_FALSE((*half_way)->Ask({}).ok());
  EXPECT_TRUE((*at_work)->Ask({}).ok());
  ExpectServed();
}

TEST_F(HostileClientTest, APluginsClientThatSaysNothingMoreIsLetGo) {
  rig_->Start(R"("device_plugin": [{"interface": "p1", "user": "root", "idle_seconds": 1, "folder": ")" + rig_->folder() + R"(/p1"}])");
  const bpf::UniqueFd connection = ConnectTo(rig_->folder() + "/p1/afxdp.sock");
  const std::string hello = "/connect,host";
  ASSERT_EQ(pmd::af_xdp::SendMessage(connection.get(), std::as_bytes(std::span(hello)), {}, 0), 0);
  EXPECT_TRUE(Eventually([&] { return HasEnded(connection); }));
  EXPECT_TRUE(rig_->broker().WaitForText("it said nothing for too long").ok()) << rig_->broker().Transcript();
}

// The options are those of any socket, and the broker may set them on any.
TEST_F(HostileClientTest, BusyPollingIsSetOnSocketsOfAfXdpOnly) {
  const bpf::UniqueFd connection = ConnectTo(rig_->folder() + "/p1/afxdp.sock");
  const bpf::UniqueFd other(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int descriptor = other.get();
  const std::pair<std::string, const char*> conversation[] = {{"/connect,host", "/host_ok"},
                                                              {"/config_busy_poll,20,64", "/config_busy_poll_nak"}};
  for (const auto& [request, expected] : conversation) {
    ASSERT_EQ(pmd::af_xdp::SendMessage(connection.get(), std::as_bytes(std::span(request)), {&descriptor, 1}, 0), 0);
    std::array<char, 128> answer{};
    ASSERT_EQ(pmd::af_xdp::ReceiveMessage(connection.get(), std::as_writable_bytes(std::span(answer)), 0).error, 0);
    EXPECT_STREQ(answer.data(), expected);
  }
  int busy_poll_us = -1;
  socklen_t length = sizeof(busy_poll_us);
  ASSERT_EQ(getsockopt(other.get(), SOL_SOCKET, SO_BUSY_POLL, &busy_poll_us, &length), 0);
  EXPECT_NE(busy_poll_us, 20);
}

}  // namespace
}  // namespace pollux
