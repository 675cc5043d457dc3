// SPDX-License-Identifier: Apache-2.0
// The broker and its native protocol, message by message. A whole port on it: tests/system/broker_test.cc.
#include "pmd/af_xdp/broker_protocol.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>
#include <random>
#include <span>

#include <gtest/gtest.h>

#include "pmd/af_xdp/broker_connection.h"
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
namespace protocol = pmd::af_xdp::broker;

constexpr std::size_t kFrames = 256, kFrameSize = 2048;

class BrokerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "needs root";
    rig_ = BrokerRig::Create();
    ASSERT_NE(rig_, nullptr);
  }

  void StartForRoot(const std::string& port = R"({"interface": "p0", "memory_mib": 4})") {
    rig_->Start(R"("clients": [{"users": ["root"], "ports": [)" + port + "]}]");
  }

  std::unique_ptr<BrokerConnection> Open(const std::string& interface = "p0") {
    auto connection = BrokerConnection::Open(rig_->socket(), interface);
    EXPECT_TRUE(connection.ok()) << connection.status();
    return connection.ok() ? *std::move(connection) : nullptr;
  }

  static Request Of(Verb verb) {
    Request request;
    request.verb = verb;
    return request;
  }

  static Request SocketRequest(uint32_t queue = 0) {
    Request request = Of(Verb::kSocket);
    request.queue = queue;
    request.value = kFrames * kFrameSize;
    request.rx_ring = request.tx_ring = request.fill_ring = request.completion_ring = 64;
    request.frame_size = kFrameSize;
    request.headroom = 256;
    return request;
  }

  // Program, memory and a bound socket that receives; returns the socket.
  bpf::UniqueFd MakeReceivingSocket(BrokerConnection& connection) {
    EXPECT_TRUE(connection.Ask(Of(Verb::kAttach)).ok());
    Request memory = Of(Verb::kMemory);
    memory.value = kFrames * kFrameSize;
    auto frames = connection.Ask(memory);
    EXPECT_TRUE(frames.ok()) << frames.status();
    if (!frames.ok()) return {};
    const int descriptor = frames->descriptors.front().get();
    auto socket = connection.Ask(SocketRequest(), {&descriptor, 1});
    EXPECT_TRUE(socket.ok()) << socket.status();
    EXPECT_TRUE(connection.Ask(Of(Verb::kReceive)).ok());
    return socket.ok() ? std::move(socket->descriptors.front()) : bpf::UniqueFd();
  }

  // As another client of the same interface is told.
  uint32_t FlagsOfProgram() {
    const auto connection = Open();
    const auto answer = connection == nullptr ? absl::UnknownError("no connection") : connection->Ask(Of(Verb::kAttach));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->reply.flags : 0;
  }

  std::unique_ptr<BrokerRig> rig_;
};

TEST_F(BrokerTest, TellsWhatThePortIs) {
  StartForRoot(R"({"interface": "p0", "queues": "0-1", "allow": ["mtu"]})");
  const auto connection = Open();
  ASSERT_NE(connection, nullptr);
  EXPECT_STREQ(connection->info().name, "p0");
  EXPECT_STREQ(connection->info().driver, "veth");
  EXPECT_EQ(connection->info().mtu, 1500u);
  EXPECT_EQ(connection->info().granted_queues, 2u);
  EXPECT_EQ(connection->info().grants, uint32_t{protocol::kMaySetMtu});
  EXPECT_TRUE(connection->info().up);
}

TEST_F(BrokerTest, RefusesWhatTheConfigurationDoesNotGrant) {
  StartForRoot();
  EXPECT_TRUE(absl::IsPermissionDenied(BrokerConnection::Open(rig_->socket(), "p1").status()));
  const auto connection = Open();
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(connection->Ask(Of(Verb::kAttach)).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(connection->Ask(SocketRequest(1)).status()));
  for (const Verb verb : {Verb::kSteer, Verb::kMtu, Verb::kMac}) {
    EXPECT_TRUE(absl::IsPermissionDenied(connection->Ask(Of(verb)).status())) << static_cast<uint32_t>(verb);
  }
  Request promiscuous = Of(Verb::kPromiscuous);
  promiscuous.value = 1;
  EXPECT_TRUE(absl::IsPermissionDenied(connection->Ask(promiscuous).status()));
  Request memory = Of(Verb::kMemory);
  memory.value = (4 << 20) + 1;
  EXPECT_TRUE(absl::IsResourceExhausted(connection->Ask(memory).status()));
}

TEST_F(BrokerTest, ProgramAndSocketGoWithTheConnection) {
  StartForRoot();
  auto connection = Open();
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(MakeReceivingSocket(*connection));
  EXPECT_TRUE(rig_->HasProgram());
  connection.reset();
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasProgram(); }));
}

TEST_F(BrokerTest, MemoryMustBeTheBrokersOwn) {
  StartForRoot();
  auto connection = Open();
  ASSERT_NE(connection, nullptr);
  ASSERT_TRUE(connection->Ask(Of(Verb::kAttach)).ok());
  const bpf::UniqueFd file(memfd_create("frames", MFD_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), kFrames * kFrameSize), 0);
  for (const int descriptor : {file.get(), rig_->network().fd()}) {
    EXPECT_TRUE(absl::IsInvalidArgument(connection->Ask(SocketRequest(), {&descriptor, 1}).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(connection->Ask(SocketRequest()).status()));
}

TEST_F(BrokerTest, TrafficGoesOnWhileTheBrokerIsKilledAndStartedAgain) {
  StartForRoot();
  auto connection = Open();
  ASSERT_NE(connection, nullptr);
  const bpf::UniqueFd socket = MakeReceivingSocket(*connection);
  ASSERT_TRUE(socket);
  const uint32_t program = FlagsOfProgram();
  ASSERT_TRUE(rig_->broker().Signal(SIGKILL).ok());
  ASSERT_TRUE(rig_->broker().Wait().ok());
  EXPECT_TRUE(rig_->HasProgram());
  rig_->Restart();
  EXPECT_TRUE(rig_->HasProgram());
  // The same connection goes on, the new broker knows what the program does, and undoes what the old one did.
  EXPECT_TRUE(connection->Ask(Of(Verb::kInfo)).ok());
  EXPECT_EQ(FlagsOfProgram(), program);
  connection.reset();
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasProgram(); }));
}

TEST_F(BrokerTest, AnOrderlyEndLeavesItsClientsAlone) {
  StartForRoot();
  auto connection = Open();
  ASSERT_NE(connection, nullptr);
  const bpf::UniqueFd socket = MakeReceivingSocket(*connection);
  ASSERT_TRUE(rig_->broker().Signal(SIGTERM).ok());
  const auto code = rig_->broker().Wait();
  ASSERT_TRUE(code.ok());
  EXPECT_EQ(*code, 0) << rig_->broker().Transcript();
  EXPECT_TRUE(rig_->HasProgram());
  // The client ends: with nobody left the keeper lets go of everything.
  connection.reset();
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasProgram(); }));
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasKeeper(); }));
}

TEST_F(BrokerTest, NothingIsLeftOfAKilledBrokerWithoutClients) {
  StartForRoot();
  ASSERT_TRUE(rig_->broker().Signal(SIGKILL).ok());
  ASSERT_TRUE(rig_->broker().Wait().ok());
  EXPECT_TRUE(support::Eventually([this] { return !rig_->HasKeeper(); }));
}

TEST_F(BrokerTest, ASecondBrokerIsRefused) {
  StartForRoot();
  const auto second = support::RunCommand({"tools/broker/pollux-broker", "--config=" + rig_->folder() + "/broker.json"}, &rig_->network());
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->exit_code, 1);
  EXPECT_NE(second->errors.find("another broker"), std::string::npos) << second->errors;
}

TEST_F(BrokerTest, AnUnknownUserIsRefused) {
  rig_->Start(R"("clients": [{"users": ["nobody"], "ports": [{"interface": "p0"}]}])");
  EXPECT_FALSE(BrokerConnection::Open(rig_->socket(), "p0").ok());
}

// Whatever a client sends, the broker answers or hangs up, and serves the next one.
TEST_F(BrokerTest, SurvivesHostileMessages) {
  StartForRoot();
  std::mt19937 random(7);
  const bpf::UniqueFd nothing(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int round = 0; round < 60; ++round) {
    const bpf::UniqueFd hostile(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, rig_->socket().c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(connect(hostile.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    Request open = Of(Verb::kOpen);
    std::strcpy(open.text, "p0");
    if (round % 2 == 0) pmd::af_xdp::SendMessage(hostile.get(), std::as_bytes(std::span(&open, 1)), {}, MSG_DONTWAIT);
    for (int message = 0; message < 20; ++message) {
      std::array<std::byte, 2 * sizeof(Request)> bytes;
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      Request& request = *reinterpret_cast<Request*>(bytes.data());
      request.version = message % 5 == 0 ? random() : protocol::kVersion;
      request.verb = static_cast<Verb>(random() % (static_cast<uint32_t>(Verb::kEnd) + 2));
      if (message % 3 == 0) request.queue = request.node = 0;
      const std::size_t length = message == 19 ? random() % bytes.size() : sizeof(Request);
      const int descriptors[] = {nothing.get(), hostile.get(), rig_->network().fd()};
      // It never reads what comes back.
      pmd::af_xdp::SendMessage(hostile.get(), std::span(bytes.data(), length), {descriptors, random() % 4}, MSG_DONTWAIT);
    }
  }
  // Some of them attached the program, for a mode of theirs, until their end is seen.
  const bool served = support::Eventually([this] {
    const auto connection = Open();
    return connection != nullptr && connection->Ask(Of(Verb::kAttach)).ok() && rig_->HasProgram();
  });
  EXPECT_TRUE(served) << rig_->broker().Transcript();
}

TEST_F(BrokerTest, AFloodDelaysNobodyElse) {
  StartForRoot();
  const auto connection = Open();
  ASSERT_NE(connection, nullptr);
  // 1000 requests that nobody waits for: more than a client may ask in a second, and more answers than its socket holds.
  const Request info = Of(Verb::kInfo);
  const bpf::UniqueFd hostile(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, rig_->socket().c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(connect(hostile.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  for (int count = 0; count < 1000; ++count) pmd::af_xdp::SendMessage(hostile.get(), std::as_bytes(std::span(&info, 1)), {}, MSG_DONTWAIT);
  for (int count = 0; count < 20; ++count) EXPECT_TRUE(connection->Ask(info).ok());
}

}  // namespace
}  // namespace pollux
