// SPDX-License-Identifier: Apache-2.0
#include "pmd/telemetry.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bpf/unique_fd.h"
#include "tests/pmd/telemetry/telemetry_fixture.h"
#include "tests/support/scratch_folder.h"

namespace pollux::pmd {
namespace {

using nlohmann::json;

// A client that does not wait: whoever tests calls Poll in between.
class Client {
 public:
  explicit Client(const std::string& path) : socket_(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  bool Send(const std::string& text) { return send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) >= 0; }
  // "" at the end of the connection, "-" if there is nothing.
  std::string Receive() {
    std::string text(Telemetry::kLongestAnswer, '\0');
    const ssize_t length = recv(socket_.get(), text.data(), text.size(), 0);
    if (length < 0) return "-";
    return text.substr(0, static_cast<std::size_t>(length));
  }

 private:
  bpf::UniqueFd socket_;
};

class TelemetryTest : public testing::Test {
 protected:
  TelemetryTest() {
    std::filesystem::create_directory(run_);
    setenv("RUNTIME_DIRECTORY", run_.c_str(), 1);
  }

  std::unique_ptr<Telemetry> Start(const std::string& prefix = "rte") {
    auto telemetry = Telemetry::Start({.prefix = prefix}, view_);
    EXPECT_TRUE(telemetry.ok()) << telemetry.status();
    return telemetry.ok() ? *std::move(telemetry) : nullptr;
  }

  support::ScratchFolder folder_{"/tmp", 0700};  // a short name: a socket's path has at most 107 bytes
  const std::string run_ = folder_.File("run");
  TwoPorts view_;
};

TEST_F(TelemetryTest, GreetsAndAnswersAsDpdkDoes) {
  const auto telemetry = Start();
  EXPECT_EQ(telemetry->socket_path(), run_ + "/dpdk/rte/dpdk_telemetry.v2");
  Client client(telemetry->socket_path());
  telemetry->Poll();
  const json greeting = json::parse(client.Receive());
  EXPECT_EQ(greeting.at("pid"), getpid());
  EXPECT_EQ(greeting.at("max_output_len"), Telemetry::kLongestAnswer);
  ASSERT_TRUE(client.Send("/ethdev/list"));
  ASSERT_TRUE(client.Send("/info"));
  telemetry->Poll();
  EXPECT_EQ(json::parse(client.Receive()), json({{"/ethdev/list", {0, 1}}}));
  EXPECT_EQ(json::parse(client.Receive()).at("/info"), greeting);
}

TEST_F(TelemetryTest, FolderAndSocketAreTheOwnersAloneAndGoWithHim) {
  std::string path;
  {
    const auto telemetry = Start("mine");
    path = telemetry->socket_path();
    struct stat found {};
    ASSERT_EQ(stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    ASSERT_EQ(stat(std::filesystem::path(path).parent_path().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0700u);
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(path).parent_path()));
}

TEST_F(TelemetryTest, ProcessesOfOnePrefixAreInstances) {
  const auto first = Start(), second = Start();
  EXPECT_EQ(second->socket_path(), first->socket_path() + ":1");
  std::vector<std::unique_ptr<Telemetry>> others;
  while (others.size() < 8) others.push_back(Start());
  EXPECT_EQ(Telemetry::Start({}, view_).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(TelemetryTest, WhatAKilledProcessLeftIsReplaced) {
  const pid_t child = fork();
  if (child == 0) {
    const auto telemetry = Telemetry::Start({}, view_);
    _exit(telemetry.ok() ? 0 : 1);  // as SIGKILL: no destructor
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const std::string left = run_ + "/dpdk/rte/dpdk_telemetry.v2";
  ASSERT_TRUE(std::filesystem::exists(left));
  EXPECT_EQ(Start()->socket_path(), left);
}

TEST_F(TelemetryTest, WhatIsNoSocketStays) {
  const std::string taken = run_ + "/dpdk/rte/dpdk_telemetry.v2";
  ASSERT_TRUE(std::filesystem::create_directories(std::filesystem::path(taken).parent_path()));
  for (const char* folder : {"/dpdk", "/dpdk/rte"}) ASSERT_EQ(chmod((run_ + folder).c_str(), 0700), 0);
  std::ofstream(taken) << "a file";
  EXPECT_EQ(Start()->socket_path(), taken + ":1");
  EXPECT_TRUE(std::filesystem::exists(taken));
}

TEST_F(TelemetryTest, AFolderThatOthersMayWriteToIsRefused) {
  const std::string folder = run_ + "/dpdk/rte";
  ASSERT_TRUE(std::filesystem::create_directories(folder));
  ASSERT_EQ(chmod(folder.c_str(), 0777), 0);
  EXPECT_EQ(Telemetry::Start({}, view_).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(TelemetryTest, APrefixIsAName) {
  for (const char* prefix : {"", ".", "..", "a/b", "../../etc", "a b", "\xff"}) {
    EXPECT_EQ(Telemetry::Start({.prefix = prefix}, view_).status().code(), absl::StatusCode::kInvalidArgument) << prefix;
  }
}

TEST_F(TelemetryTest, OneClientTooManyIsTurnedAwayAndTheOthersAreServed) {
  const auto telemetry = Start();
  std::vector<std::unique_ptr<Client>> clients;
  while (clients.size() < Telemetry::kMostClients) {
    clients.push_back(std::make_unique<Client>(telemetry->socket_path()));
    telemetry->Poll();
    EXPECT_NE(clients.back()->Receive(), "");
  }
  Client late(telemetry->socket_path());
  telemetry->Poll();
  EXPECT_EQ(late.Receive(), "");
  clients.pop_back();  // one goes, another may come
  telemetry->Poll();
  Client next(telemetry->socket_path());
  telemetry->Poll();
  EXPECT_NE(next.Receive(), "");
  ASSERT_TRUE(clients.front()->Send("/ethdev/list"));
  telemetry->Poll();
  EXPECT_EQ(json::parse(clients.front()->Receive()).at("/ethdev/list"), json({0, 1}));
}

TEST_F(TelemetryTest, AClientThatDoesNotReadIsLetGo) {
  const auto telemetry = Start();
  telemetry->AddCommand("/long", "a long answer",
                        [](absl::string_view) -> absl::StatusOr<std::string> { return '"' + std::string(100000, 'x') + '"'; });
  Client client(telemetry->socket_path());
  bool connected = true;
  for (int round = 0; round < 100 && connected; ++round) {
    connected = client.Send("/long");
    telemetry->Poll();
  }
  EXPECT_FALSE(connected);
}

TEST_F(TelemetryTest, RequestsAndAnswersHaveALimit) {
  const auto telemetry = Start();
  telemetry->AddCommand("/longer", "too long an answer", [](absl::string_view) -> absl::StatusOr<std::string> {
    return '"' + std::string(Telemetry::kLongestAnswer, 'x') + '"';
  });
  Client client(telemetry->socket_path());
  telemetry->Poll();
  (void)client.Receive();
  for (const std::string& request : {std::string("/longer"), std::string(Telemetry::kLongestRequest + 1, '/')}) {
    ASSERT_TRUE(client.Send(request));
    telemetry->Poll();
    EXPECT_TRUE(json::parse(client.Receive()).contains("error"));
  }
}

TEST_F(TelemetryTest, APollAnswersAFewAndComesBack) {
  const auto telemetry = Start();
  std::size_t answered = 0;
  telemetry->AddCommand("/count", "", [&](absl::string_view) -> absl::StatusOr<std::string> { return std::to_string(++answered); });
  std::vector<std::unique_ptr<Client>> clients;
  for (int number = 0; number < 10; ++number) clients.push_back(std::make_unique<Client>(telemetry->socket_path()));
  telemetry->Poll();
  for (const auto& client : clients) {
    for (int request = 0; request < 10; ++request) ASSERT_TRUE(client->Send("/count"));
  }
  telemetry->Poll();
  EXPECT_EQ(answered, Telemetry::kMostRequestsOfAPoll);
}

}  // namespace
}  // namespace pollux::pmd
