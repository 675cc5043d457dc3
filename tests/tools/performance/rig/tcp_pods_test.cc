// SPDX-License-Identifier: Apache-2.0
// What iperf3 is asked, what is read of its answer, and what pods are given.
#include "tools/performance/rig/tcp_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <absl/strings/str_join.h>

#include "tools/support/child_process.h"
#include "tools/support/network_namespace.h"

namespace pollux::performance {
namespace {

using testing::HasSubstr;

TEST(SenderCommandTest, HasEveryOption) {
  const std::string command =
      absl::StrJoin(SenderCommand({.streams = 8, .warm_up_s = 2, .seconds = 5, .sender_cpu = 3, .receiver_cpu = 1}), " ");
  EXPECT_EQ(command.find("taskset -c 3 iperf3 --client 10.77.0.2"), 0u) << command;
  EXPECT_THAT(command, HasSubstr("--parallel 8 "));
  EXPECT_THAT(command, HasSubstr("--omit 2 "));
  EXPECT_THAT(command + " ", HasSubstr("--time 5 "));
}

// The receiver's figure counts: what was sent may be in buffers still.
TEST(ParseIperfTest, TakesWhatWasReceived) {
  const auto result = ParseIperf(R"({"start": {}, "end": {
      "sum_sent": {"seconds": 4.0, "bits_per_second": 9e9, "retransmits": 17},
      "sum_received": {"seconds": 3.5, "bits_per_second": 8e9}}})");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->seconds, 3.5);
  EXPECT_EQ(result->bits_per_second, 8e9);
  EXPECT_EQ(result->retransmissions, 17u);
}

TEST(ParseIperfTest, FailuresAreErrors) {
  EXPECT_THAT(std::string(ParseIperf("iperf3: not found").status().message()), HasSubstr("iperf3: not found"));
  EXPECT_THAT(std::string(ParseIperf("[]").status().message()), HasSubstr("[]"));
  EXPECT_THAT(std::string(ParseIperf(R"({"end": {}, "error": "unable to connect"})").status().message()), HasSubstr("unable to connect"));
  EXPECT_THAT(std::string(ParseIperf(R"({"end": {"sum_received": {"bits_per_second": 0}}})").status().message()),
              HasSubstr("nothing was received"));
}

class TcpPodsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!support::NetworkNamespace::MayCreate()) GTEST_SKIP() << "network namespaces need CAP_SYS_ADMIN";
    auto rig = Rig::CreatePods();
    ASSERT_TRUE(rig.ok()) << rig.status();
    rig_ = *std::move(rig);
  }
  // Of the sender and the receiver: "on" or "off".
  std::string ChecksumOffload() const {
    std::string states;
    for (const auto& [network, interface] :
         {std::pair(rig_->source.get(), kSourceInterface), std::pair(rig_->sink.get(), kSinkInterface)}) {
      const auto shown = support::RunSuccessfully({"ethtool", "-k", interface}, network);
      EXPECT_TRUE(shown.ok()) << shown.status();
      states += shown.ok() && shown->find("\ntx-checksumming: on") != std::string::npos ? "on " : "off ";
    }
    return states;
  }

  std::unique_ptr<Rig> rig_;
};

TEST_F(TcpPodsTest, KeepTheirSettingsUnlessAContenderNeedsOthers) {
  ASSERT_TRUE(ConfigurePods(*rig_, "").ok());
  EXPECT_EQ(ChecksumOffload(), "on on ");
  EXPECT_FALSE(PodsReachEachOther(*rig_)) << "nobody forwards";
}

TEST_F(TcpPodsTest, BothGetTheSettingsOfTheirContender) {
  ASSERT_TRUE(ConfigurePods(*rig_, "tx off").ok());
  EXPECT_EQ(ChecksumOffload(), "off off ");
  EXPECT_FALSE(ConfigurePods(*rig_, "no-such-feature off").ok());
}

}  // namespace
}  // namespace pollux::performance
