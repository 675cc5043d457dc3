// SPDX-License-Identifier: Apache-2.0
// Several queues: spread over lcores, and divided between processes.
#include <algorithm>

#include <absl/strings/str_cat.h>

#include "tests/system/forwarding_test.h"

namespace pollux::system_tests {
namespace {

using std::chrono::milliseconds;

constexpr uint16_t kFlows = 128;

class QueueTest : public ForwardingTest {
 protected:
  // One frame of each of many flows, which the sender's kernel spreads over its queues. Returns how many arrived as they were sent.
  int FlowsThatArrive(std::size_t from, std::size_t to, milliseconds deadline) {
    std::vector<FrameSocket::Frame> missing;
    Socket(to);
    for (uint16_t flow = 0; flow < kFlows; ++flow) {
      missing.push_back(PacketBuilder()
                            .Ethernet(Between(from, to))
                            .Ipv4({.source = "192.0.2.1", .destination = "192.0.2.2"})
                            .Udp({.source = static_cast<uint16_t>(1000 + flow), .destination = 9})
                            .Payload(100)
                            .Build());
      EXPECT_TRUE(Socket(from).Send(missing.back()).ok());
    }
    const auto is_missing = [&](const auto& frame) { return std::find(missing.begin(), missing.end(), frame) != missing.end(); };
    while (!missing.empty()) {
      const auto arrived = Socket(to).Receive(is_missing, deadline);
      if (!arrived.ok()) break;
      missing.erase(std::find(missing.begin(), missing.end(), *arrived));
    }
    return kFlows - static_cast<int>(missing.size());
  }

  static CommandLine QueueOf(int queue, const std::string& prefix) {
    return {.lcores = {"-l", "0,1", "--file-prefix", prefix}, .device_arguments = absl::StrCat("start_queue=", queue, ",queue_count=1")};
  }
};

TEST_F(QueueTest, OneQueueOfFourIsToldOf) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.queues = 4}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding());
  ASSERT_OK(
      testpmd().process().WaitForText("Note: port 0 (p0): its interface receives by 4 queues, and 1 is served: what comes in by the others "
                                      "goes to the kernel. All: --rxq=4"));
  ShareThePorts();
  StopForwarding();
}

TEST_F(QueueTest, FourQueuesOnTwoLcores) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.queues = 4}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding({.lcores = {"--lcores", "0@0,1@0,2@1"},
                                           .device_arguments = "queue_count=4",
                                           .options = {"--forward-mode=io", "--rxq=4", "--txq=4", "--nb-cores=2"}}));
  EXPECT_EQ(FlowsThatArrive(0, 1, milliseconds(5000)), kFlows) << Transcript();
  EXPECT_EQ(FlowsThatArrive(1, 0, milliseconds(5000)), kFlows) << Transcript();
  PingBothWays();
  StopForwarding();
  const std::string output = testpmd().process().Output();
  EXPECT_NE(output.find("cores=2 - streams=8"), std::string::npos) << output;
  for (int queue = 0; queue < 4; ++queue) {
    for (int port = 0; port < 2; ++port) {
      EXPECT_NE(output.find(absl::StrCat("RX Port= ", port, "/Queue= ", queue)), std::string::npos)
          << "no packet by queue " << queue << " of port " << port << "\n"
          << output;
    }
  }
}

TEST_F(QueueTest, TwoProcessesDivideTheQueuesOfTheirInterfaces) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.queues = 2}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding(QueueOf(0, "plxfirst")));
  const auto first = TakeTestpmd();
  ASSERT_NO_FATAL_FAILURE(StartForwarding(QueueOf(1, "plxsecond")));
  EXPECT_EQ(FlowsThatArrive(0, 1, milliseconds(5000)), kFlows) << first->process().Transcript() << Transcript();

  // The one that attached the program goes; the other goes on.
  const auto ended = first->Stop();
  ASSERT_OK(ended);
  EXPECT_EQ(ended->exit_code, 0) << first->process().Transcript();
  EXPECT_GT(ended->ports[0].received, 0u);
  const int rest = FlowsThatArrive(0, 1, milliseconds(500));
  EXPECT_GT(rest, 0) << Transcript();
  EXPECT_LT(rest, kFlows);
  StopForwarding();
  EXPECT_GT(account().ports[0].received, 0u);
}

TEST_F(QueueTest, AProcessMayLeaveAndComeBackWhileAnotherForwards) {
  ASSERT_NO_FATAL_FAILURE(BuildRig({.queues = 2}));
  ASSERT_NO_FATAL_FAILURE(StartForwarding(QueueOf(0, "plxfirst")));
  auto leaver = TakeTestpmd();
  ASSERT_NO_FATAL_FAILURE(StartForwarding(QueueOf(1, "plxsecond")));
  auto stayer = TakeTestpmd();
  for (const int signal : {SIGINT, SIGKILL}) {
    ASSERT_OK(leaver->process().Signal(signal));
    ASSERT_OK(leaver->process().Wait());
    ASSERT_NO_FATAL_FAILURE(StartForwarding(QueueOf(0, "plxfirst")));
    EXPECT_EQ(FlowsThatArrive(0, 1, milliseconds(5000)), kFlows) << stayer->process().Transcript() << Transcript();
    leaver = TakeTestpmd();
  }
  for (TestpmdProcess* process : {leaver.get(), stayer.get()}) {
    const auto ended = process->Stop();
    ASSERT_OK(ended);
    EXPECT_EQ(ended->exit_code, 0) << process->process().Transcript();
  }
}

}  // namespace
}  // namespace pollux::system_tests
