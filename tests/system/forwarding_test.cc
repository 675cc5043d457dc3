// SPDX-License-Identifier: Apache-2.0
#include "tests/system/forwarding_test.h"

#include <thread>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "tools/support/patience.h"

namespace pollux::system_tests {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr milliseconds kFrameDeadline{5000};
constexpr milliseconds kRestoreDeadline{3000};
constexpr milliseconds kPingDeadline{10'000};

}  // namespace

Arguments CommandLine::Words() const {
  Arguments words = lcores;
  words.insert(words.end(), {"--no-huge", "-m", "512", "--no-pci"});
  for (const std::string& device : devices) words.insert(words.end(), {"--vdev", device});
  for (std::size_t port = 0; devices.empty() && port < ports; ++port) {
    const std::string more = device_arguments.empty() ? "" : "," + device_arguments;
    words.insert(words.end(), {"--vdev", absl::StrCat("net_af_xdp", port, ",iface=", VethRig::PortInterface(port), more)});
  }
  words.push_back("--");
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"--auto-start", "--total-num-mbufs=32768"});
  return words;
}

void ForwardingTest::SetUp() {
  if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "making network namespaces takes root";
}

void ForwardingTest::TearDown() {
  testpmd_.reset();
  if (rig_ != nullptr && !state_before_.empty()) ExpectSwitchRestored();
}

void ForwardingTest::ExpectSwitchRestored() {
  // The kernel takes sockets and programs apart some time after their last file is closed.
  const auto end = std::chrono::steady_clock::now() + support::Patience(kRestoreDeadline);
  auto state = rig_->SwitchState();
  while (state.ok() && *state != state_before_ && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(20));
    state = rig_->SwitchState();
  }
  ASSERT_OK(state);
  EXPECT_EQ(*state, state_before_) << "testpmd left something behind";
}

void ForwardingTest::BuildRig(const VethRigOptions& options) {
  auto rig = VethRig::Create(options);
  ASSERT_OK(rig);
  rig_ = std::move(*rig);
  sockets_.resize(options.ports);
  const auto state = rig_->SwitchState();
  ASSERT_OK(state);
  state_before_ = *state;
}

void ForwardingTest::StartForwarding(const CommandLine& command) {
  if (rig_ == nullptr) {
    ASSERT_NO_FATAL_FAILURE(BuildRig({.ports = command.ports}));
  }
  StartWords(command.Words());
}

void ForwardingTest::StartWords(const Arguments& words) {
  counters_before_.clear();
  for (std::size_t port = 0; port < rig_->options().ports; ++port) {
    const auto counters = rig_->ClientCounters(port);
    ASSERT_OK(counters);
    counters_before_.push_back(*counters);
  }
  auto started = TestpmdProcess::Start(rig_->switch_namespace(), words);
  ASSERT_OK(started);
  testpmd_ = std::move(*started);
  ASSERT_OK(testpmd_->WaitUntilForwarding());
}

void ForwardingTest::StopForwarding(int signal) {
  const auto account = testpmd_->Stop(signal);
  ASSERT_OK(account);
  account_ = *account;
  EXPECT_EQ(account_.exit_code, 0) << Transcript();
  CheckAccount();
}

void ForwardingTest::CheckAccount() {
  EXPECT_GT(account_.balanced_pools, 0u) << Transcript();
  EXPECT_EQ(account_.unbalanced_pools, 0u) << Transcript();
  for (const support::PortTotals& port : account_.ports) {
    EXPECT_EQ(port.received + port.generated, port.forwarded + port.dropped + port.ended) << Transcript();
    EXPECT_EQ(port.taken, port.sent + port.tx_dropped) << Transcript();
    EXPECT_EQ(port.pending, 0u) << Transcript();
  }
  EXPECT_EQ(account_.total.forwarded, account_.total.taken) << Transcript();
  for (std::size_t port = 0; !others_on_ports_ && port < counters_before_.size() && port < account_.ports.size(); ++port) {
    const auto counters = rig_->ClientCounters(port);
    if (!counters.ok()) continue;  // the test deleted it
    const support::PortTotals& totals = account_.ports[port];
    EXPECT_LE(totals.received + totals.lost_before, counters->tx_packets - counters_before_[port].tx_packets)
        << "port " << port << " received what its client never sent\n"
        << Transcript();
    EXPECT_GE(totals.sent, counters->rx_packets - counters_before_[port].rx_packets)
        << "client " << port << " received what was never sent\n"
        << Transcript();
  }
}

void ForwardingTest::Ping(std::size_t from, const std::string& address, int count, const Arguments& more) {
  // With -w, ping sends on until so many were answered: a late echo is no lost echo. Lost is one whose successor came instead.
  Arguments command = {"ping", "-n", "-i", "0.05", "-c", absl::StrCat(count), "-w", absl::StrCat(support::Patience(kPingDeadline) / 1s)};
  command.insert(command.end(), more.begin(), more.end());
  command.push_back(address);
  const auto pinged = support::RunCommand(command, &rig_->client(from));
  ASSERT_OK(pinged);
  EXPECT_EQ(pinged->exit_code, 0) << pinged->output << pinged->errors << Transcript();
  for (int sequence = 1; sequence <= count; ++sequence) {
    if (pinged->output.find(absl::StrCat("icmp_seq=", sequence, " ")) != std::string::npos) continue;
    FAIL() << "echo " << sequence << " was lost\n" << pinged->output << StateOfRig() << Transcript();
  }
}

std::string ForwardingTest::StateOfRig() {
  std::string text;
  const auto append = [&text](const Arguments& command, const support::NetworkNamespace& network) {
    const auto result = support::RunCommand(command, &network);
    absl::StrAppend(&text, network.name(), ": ", absl::StrJoin(command, " "), "\n",
                    result.ok() ? result->output : result.status().ToString());
  };
  for (std::size_t port = 0; port < rig_->options().ports; ++port) {
    append({"ip", "-s", "link"}, rig_->client(port));
    append({"ip", "-s", "neighbour"}, rig_->client(port));
    append({"nstat", "-a"}, rig_->client(port));
  }
  append({"ip", "-s", "link"}, rig_->switch_namespace());
  if (testpmd_ != nullptr) testpmd_->Stop(SIGTERM).IgnoreError();  // for its account
  return text;
}

void ForwardingTest::PingBothWays() {
  Ping(0, VethRig::ClientIpv4(1));
  Ping(1, VethRig::ClientIpv4(0));
  Ping(0, VethRig::ClientIpv6(1));
  Ping(1, VethRig::ClientIpv6(0));
}

FrameSocket& ForwardingTest::Socket(std::size_t client) {
  if (sockets_[client] == nullptr) {
    auto socket = FrameSocket::Open(rig_->client(client), VethRig::ClientInterface(client));
    if (!socket.ok()) throw std::runtime_error(socket.status().ToString());  // GoogleTest reports it as this test's failure
    sockets_[client] = std::move(*socket);
  }
  return *sockets_[client];
}

void ForwardingTest::ExpectArrival(std::size_t from, std::size_t to, const FrameSocket::Frame& frame, const FrameSocket::Frame& expected) {
  Socket(to);  // open before the frame can arrive
  ASSERT_OK(Socket(from).Send(frame));
  const auto arrived = Socket(to).Receive([&](const auto& candidate) { return candidate == expected; }, kFrameDeadline);
  EXPECT_TRUE(arrived.ok()) << "a frame of " << frame.size() << " bytes: " << arrived.status() << "\n" << Transcript();
}

support::EthernetFields ForwardingTest::Between(std::size_t from, std::size_t to) {
  return {.source = VethRig::ClientMac(from), .destination = VethRig::ClientMac(to)};
}

}  // namespace pollux::system_tests
