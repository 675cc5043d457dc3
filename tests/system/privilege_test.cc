// SPDX-License-Identifier: Apache-2.0
// What testpmd and l2_forward may still do once they forward: docs/privileges.md. Read from /proc/PID/task, thread by thread.
#include <linux/capability.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/system/forwarding_test.h"
#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

constexpr char kL2Forward[] = "tools/l2_forward";
constexpr char kNone[] = "0000000000000000";
constexpr char kFive[] = "000000c000007000";  // CAP_NET_ADMIN 12, CAP_NET_RAW 13, CAP_IPC_LOCK 14, CAP_PERFMON 38, CAP_BPF 39
constexpr char kNetAdmin[] = "0000000000001000";
constexpr char kForwarding[] = "plx-lcore-";  // begins the name of a forwarding lcore's thread
const char* const kSets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};

static_assert((1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW | 1ull << CAP_IPC_LOCK | 1ull << CAP_PERFMON | 1ull << CAP_BPF) == 0xc000007000);

using Status = std::map<std::string, std::string>;

Status ReadStatus(const std::filesystem::path& path) {
  Status status;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(":\t");
    if (colon != std::string::npos) status[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return status;
}

class PrivilegeTest : public ForwardingTest {
 protected:
  void Start(const Arguments& options, const std::string& says, const std::string& device_arguments = "") {
    ASSERT_NO_FATAL_FAILURE(StartForwarding({.device_arguments = device_arguments, .options = options}));
    const auto said = testpmd().process().WaitForText(says);
    ASSERT_TRUE(said.ok()) << said;
  }

  static std::vector<Status> Threads(pid_t pid) {
    std::vector<Status> threads;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      threads.push_back(ReadStatus(thread.path() / "status"));
    }
    return threads;
  }

  // `main` are the capabilities of every thread but the forwarding ones, which have none.
  void ExpectSets(pid_t pid, const std::string& main) {
    std::size_t forwarding = 0, others = 0;
    for (const Status& thread : Threads(pid)) {
      const bool forwards = thread.at("Name").rfind(kForwarding, 0) == 0;
      ++(forwards ? forwarding : others);
      for (const char* set : kSets) {
        const bool held = std::string(set) == "CapPrm" || std::string(set) == "CapEff";
        EXPECT_EQ(thread.at(set), held && !forwards ? main : kNone) << set << " of " << thread.at("Name");
      }
      EXPECT_EQ(thread.at("NoNewPrivs"), "1") << thread.at("Name");
    }
    EXPECT_EQ(forwarding, 1u);
    EXPECT_EQ(others, 1u);
  }

  void Quit() {
    ASSERT_OK(testpmd().process().Write("quit\n"));
    EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
    ExpectSwitchRestored();
  }
};

TEST_F(PrivilegeTest, ForwardsWithoutAny) {
  ASSERT_NO_FATAL_FAILURE(Start({"--on-replace=stop"}, "Privileges: none"));
  ExpectSets(testpmd().process().pid(), kNone);
  PingBothWays();
  StopForwarding();
  ExpectSwitchRestored();
}

TEST_F(PrivilegeTest, KeepsWhatPutsSettingsBack) {
  ASSERT_NO_FATAL_FAILURE(Start({"--max-pkt-len=1418", "--privileges=none"}, "CAP_NET_ADMIN of the main lcore, to put settings back"));
  ExpectSets(testpmd().process().pid(), kNetAdmin);
  StopForwarding();
  ExpectSwitchRestored();
}

TEST_F(PrivilegeTest, KeepsWhatCommandsNeed) {
  ASSERT_NO_FATAL_FAILURE(Start({"-i"}, "of the main lcore, to open ports again; forwarding lcores have none"));
  ExpectSets(testpmd().process().pid(), kFive);
  PingBothWays();
  for (const char* command :
       {"stop", "set promisc 0 off", "port config mtu 0 1400", "port stop 0", "port start 0", "port config mtu 0 1500", "port stop 1",
        "port close 1", "port attach net_af_xdp7,iface=p1", "port start 2", "start"}) {
    ASSERT_OK(testpmd().process().Write(std::string(command) + "\n"));
  }
  ASSERT_OK(testpmd().process().WaitForText("port 2"));
  Quit();
  EXPECT_EQ(testpmd().process().Transcript().find("lacks"), std::string::npos) << Transcript();
  EXPECT_EQ(testpmd().process().Transcript().find("not permitted"), std::string::npos) << Transcript();
}

TEST_F(PrivilegeTest, KeepsWhatReplacedInterfacesNeed) {
  ASSERT_NO_FATAL_FAILURE(Start({"--forward-mode=io"}, "of the main lcore, to open ports again; forwarding lcores have none"));
  ExpectSets(testpmd().process().pid(), kFive);
  ForgetSwitchState();
  ASSERT_OK(rig().DeletePort(0));
  ASSERT_OK(testpmd().process().WaitForText("the interface is gone"));
  ASSERT_OK(rig().MakePort(0));
  ASSERT_OK(testpmd().process().WaitForText("the port goes on with it"));
}

TEST_F(PrivilegeTest, CommandsWithoutPrivilegesSayWhatIsMissing) {
  ASSERT_NO_FATAL_FAILURE(Start({"-i", "--privileges=none"}, "Privileges: none"));
  ExpectSets(testpmd().process().pid(), kNone);
  ASSERT_OK(testpmd().process().Write("port config mtu 0 1400\n"));
  ASSERT_OK(testpmd().process().WaitForText("Operation not permitted"));
  Quit();
}

TEST_F(PrivilegeTest, KeepsAllIfAsked) {
  ASSERT_NO_FATAL_FAILURE(Start({"--privileges=all"}, "Privileges: kept as they were (--privileges=all)"));
  const Status ours = ReadStatus("/proc/self/status");
  for (const Status& thread : Threads(testpmd().process().pid())) {
    for (const char* set : {"CapPrm", "CapEff", "CapBnd"}) EXPECT_EQ(thread.at(set), ours.at(set)) << set;
  }
  StopForwarding();
}

// A test run of a program asks for no capability.
TEST_F(PrivilegeTest, InjectsWithoutAny) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  for (std::size_t client : {0, 1}) {
    const auto set = support::RunSuccessfully({"ethtool", "-K", VethRig::ClientInterface(client), "gro", "on"}, &rig().client(client));
    ASSERT_TRUE(set.ok()) << set.status();
  }
  ForgetSwitchState();
  ASSERT_NO_FATAL_FAILURE(Start({"-i", "--privileges=none", "--require=inject"}, "Privileges: none", "tx=inject"));
  ExpectSets(testpmd().process().pid(), kNone);
  PingBothWays();
  ASSERT_OK(testpmd().process().Write("show port xstats 0\nquit\n"));
  EXPECT_EQ(testpmd().process().Wait().value(), 0) << Transcript();
  const std::string output = testpmd().process().Output();
  const std::string name = "tx_q0_inject_packets: ";
  const std::size_t at = output.find(name);
  ASSERT_NE(at, std::string::npos) << Transcript();
  EXPECT_GT(std::atoi(output.c_str() + at + name.size()), 0) << Transcript();
}

TEST_F(PrivilegeTest, L2ForwardHasNone) {
  ASSERT_NO_FATAL_FAILURE(BuildRig());
  auto forwarder = ChildProcess::Start({kL2Forward, "net_af_xdp0,iface=p0", "net_af_xdp1,iface=p1"}, &rig().switch_namespace());
  ASSERT_TRUE(forwarder.ok()) << forwarder.status();
  const pid_t pid = (*forwarder)->pid();
  const auto status = [pid] { return ReadStatus("/proc/" + std::to_string(pid) + "/status"); };
  ASSERT_TRUE(support::Eventually([&] { return !(*forwarder)->running() || status()["NoNewPrivs"] == "1"; }));
  ASSERT_TRUE(support::Eventually([&] { return !(*forwarder)->running() || status()["CapEff"] == kNone; })) << (*forwarder)->Transcript();
  for (const char* set : kSets) EXPECT_EQ(status()[set], kNone) << set;
  PingBothWays();
  EXPECT_EQ((*forwarder)->Stop(std::chrono::seconds(10)), 0) << (*forwarder)->Transcript();
  EXPECT_NE((*forwarder)->Output().find("balanced"), std::string::npos) << (*forwarder)->Transcript();
  ExpectSwitchRestored();
}

}  // namespace
}  // namespace pollux::system_tests
