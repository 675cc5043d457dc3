// SPDX-License-Identifier: Apache-2.0
#include "tools/support/network_namespace.h"

#include <filesystem>

#include <net/if.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tools/support/child_process.h"

namespace pollux::support {
namespace {

class NetworkNamespaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!NetworkNamespace::MayCreate()) GTEST_SKIP() << "making network namespaces takes root";
  }
};

bool Listed(const std::string& name) {
  return RunSuccessfully({"ip", "netns", "list"}).value().find(name) != std::string::npos;
}

TEST_F(NetworkNamespaceTest, IsListedWhileItLives) {
  auto network = NetworkNamespace::Create("listed");
  ASSERT_TRUE(network.ok()) << network.status();
  const std::string name = (*network)->name(), pins = (*network)->bpf_file_system();
  EXPECT_TRUE(Listed(name));
  EXPECT_TRUE(std::filesystem::exists(pins));
  network->reset();
  EXPECT_FALSE(Listed(name));
  EXPECT_FALSE(std::filesystem::exists(pins));
}

TEST_F(NetworkNamespaceTest, ASecondOfTheSameNameIsRefused) {
  const auto first = NetworkNamespace::Create("twice");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = NetworkNamespace::Create("twice");
  EXPECT_NE(second.status().message().find("File exists"), absl::string_view::npos) << second.status();
  EXPECT_TRUE(Listed((*first)->name()));
}

TEST_F(NetworkNamespaceTest, AScopeMovesTheThreadAndBringsItBack) {
  const auto network = NetworkNamespace::Create("scope");
  ASSERT_TRUE(network.ok()) << network.status();
  ASSERT_TRUE(RunSuccessfully({"ip", "link", "add", "plxinside", "type", "veth", "peer", "name", "plxother"}, network->get()).ok());
  EXPECT_EQ(if_nametoindex("plxinside"), 0u);
  {
    const auto scope = NamespaceScope::Enter(**network);
    ASSERT_TRUE(scope.ok()) << scope.status();
    EXPECT_NE(if_nametoindex("plxinside"), 0u);
  }
  EXPECT_EQ(if_nametoindex("plxinside"), 0u);
}

TEST_F(NetworkNamespaceTest, AChildSeesItsDevicesAndItsBpfFileSystem) {
  const auto network = NetworkNamespace::Create("sysfs");
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(RunSuccessfully({"ls", "/sys/class/net"}, network->get()).value(), "lo\n");
  EXPECT_EQ(RunSuccessfully({"stat", "--file-system", "--format=%T", "/sys/fs/bpf"}, network->get()).value(), "bpf_fs\n");
}

TEST_F(NetworkNamespaceTest, TheProcessesInsideEndWithIt) {
  auto network = NetworkNamespace::Create("processes");
  ASSERT_TRUE(network.ok()) << network.status();
  const auto child = ChildProcess::Start({"sleep", "60"}, network->get());
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ((*network)->Processes(), std::vector<pid_t>{(*child)->pid()});
  network->reset();
  EXPECT_EQ((*child)->Wait().value(), 128 + SIGKILL);
}

TEST_F(NetworkNamespaceTest, WhatAKilledTestLeftIsRemoved) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t killed = fork();
  if (killed == 0) {
    const auto network = NetworkNamespace::Create("left");
    const char answer = network.ok() ? 'y' : 'n';
    [[maybe_unused]] const ssize_t written = write(ready[1], &answer, 1);
    pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  const std::string name = "plx" + std::to_string(killed) + "-left";
  EXPECT_TRUE(Listed(name));
  kill(killed, SIGKILL);
  waitpid(killed, nullptr, 0);
  NetworkNamespace::RemoveStale();
  EXPECT_FALSE(Listed(name));
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace pollux::support
