// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/measurement.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include <absl/strings/match.h>

#include "tools/performance/campaign/loss_free_rate.h"

namespace pollux::performance {
namespace {

class MeasurementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    std::string second_process;
    std::getline(std::ifstream("/proc/2/comm"), second_process);
    if (second_process != "kthreadd") GTEST_SKIP() << "a PID namespace of its own hides the kernel's threads, which are to be pinned";
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "source and forwarder need a CPU each";
  }
  static std::unique_ptr<Contender> Make(const std::string& name) {
    ContenderOptions options;
    options.names = {name};
    options.testpmd = "tools/testpmd/testpmd";
    options.dpdk_preload = std::filesystem::absolute("tools/performance/contenders/combined_channels.so");
    auto contenders = MakeContenders(options);
    EXPECT_TRUE(contenders.ok()) << contenders.status();
    return std::move(contenders->front());
  }
  const Conditions conditions_ = {.warm_up_s = 0.1, .measure_s = 0.3, .system_call_s = 0, .trial_s = 0.3};
};

TEST_F(MeasurementTest, TheKernelForwardsInAThreadOfItsOwn) {
  for (const char* name : {"redirect-thread", "bridge"}) {
    for (Receiver receiver : {Receiver::kXdp, Receiver::kStack}) {
      auto measured = Measure(*Make(name), {.receiver = receiver}, conditions_);
      ASSERT_TRUE(measured.ok()) << name << ": " << measured.status();
      EXPECT_GT(measured->delivered_pps, 0);
      EXPECT_GT(measured->offered_pps, 0);
      EXPECT_GT(measured->source_batches, 0u);
      EXPECT_EQ(measured->worker.rfind("napi/plxin-", 0), 0u) << measured->worker;
      EXPECT_EQ(measured->user_ns_per_packet, 0);
    }
  }
}

// What the limit is for: no forwarder's CPU is used, and nothing is lost that the source can make.
TEST_F(MeasurementTest, TheRedirectIsDoneByWhoeverSends) {
  auto measured = Measure(*Make("redirect"), {}, conditions_);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_TRUE(measured->source_limited) << measured->loss;
  EXPECT_EQ(measured->worker, "");
}

TEST_F(MeasurementTest, APacedMeasurementHasOrderAndLatency) {
  auto measured = Measure(*Make("redirect"), {.flow_count = 10, .offered_pps = 20000, .latency = true}, conditions_);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_LT(measured->offered_pps, 30000);
  EXPECT_FALSE(measured->source_limited);
  EXPECT_EQ(measured->reordered, 0u);
  EXPECT_GT(measured->latency_ns.count(), 0u);
  EXPECT_GT(measured->latency_ns.Percentile(0.5), 500u);
  EXPECT_EQ(measured->round_trip_ns.count(), 0u);  // it sends nothing back
}

// Shares of a CPU that others use as well: a spinning loop has less than the whole of it.
TEST_F(MeasurementTest, AForwarderThatSleepsUsesLessThanOneThatSpins) {
  const auto idle_cores = [&](const char* name) {
    auto measured = Measure(*Make(name), {.idle = true}, conditions_);
    EXPECT_TRUE(measured.ok()) << name << ": " << measured.status();
    return measured.ok() ? measured->idle_cores.value_or(-1) : -1;
  };
  const double spinning = idle_cores("testpmd"), asleep = idle_cores("testpmd-sleep");
  EXPECT_GT(spinning, 0);
  EXPECT_GE(asleep, 0);
  EXPECT_LT(asleep, spinning / 2);
  EXPECT_EQ(idle_cores("redirect"), -1) << "no process";
}

TEST_F(MeasurementTest, AForwarderThatIsAskedByTelemetryForwards) {
  const auto contender = Make("testpmd-read");
  Testbed testbed({.offered_pps = 1000}, conditions_);
  const absl::Status started = testbed.Start(contender.get());
  ASSERT_TRUE(started.ok()) << started;
  const auto settled = testbed.Settle();
  ASSERT_TRUE(settled.ok()) << settled.status();
  EXPECT_GT(testbed.Delivered(*settled), 0u);
  // With other tests beside it not all answers are there in time; that they are right is told apart.
  const absl::Status ended = testbed.End();
  EXPECT_TRUE(ended.ok() || absl::StrContains(ended.message(), " answers of ")) << ended;
}

TEST_F(MeasurementTest, OneWorkerServesTwoQueues) {
  for (const char* name : {"redirect", "testpmd", "testpmd-ring", "dpdk"}) {
    if (!Make(name)->Available().ok()) continue;  // a peer
    Testbed testbed({.flow_count = 2, .queue_count = 2}, conditions_);
    const auto contender = Make(name);
    const absl::Status started = testbed.Start(contender.get());
    ASSERT_TRUE(started.ok()) << name << ": " << started;
    const auto moment = testbed.Look();
    ASSERT_TRUE(moment.ok()) << name << ": " << moment.status();
    ASSERT_EQ(moment->queue_packets.size(), 2u) << name;
    // By the redirects of its XDP program to its sockets, or to the other device.
    EXPECT_EQ(moment->accepted, moment->queue_packets[0] + moment->queue_packets[1]) << name;
    EXPECT_GT(moment->queue_packets[0], 0u) << name;
    EXPECT_GT(moment->queue_packets[1], 0u) << name;
    EXPECT_TRUE(testbed.End().ok()) << name;
  }
}

// A contender that is asked for two queues, and takes one.
class OneQueue final : public Contender {
 public:
  explicit OneQueue(std::unique_ptr<Contender> contender) : contender_(std::move(contender)) {}
  const std::string& name() const override { return contender_->name(); }
  std::string Description() const override { return ""; }
  absl::Status Available() const override { return absl::OkStatus(); }
  bool Can(WorkKind, uint32_t) const override { return true; }
  bool IsProgram() const override { return true; }
  absl::StatusOr<std::unique_ptr<RunningContender>> Start(const Rig& rig, const Assignment& assignment) const override {
    Assignment less = assignment;
    less.queue_count = 1;
    return contender_->Start(rig, less);
  }

 private:
  const std::unique_ptr<Contender> contender_;
};

TEST_F(MeasurementTest, AQueueThatGetsNothingIsAnError) {
  auto measured = Measure(OneQueue(Make("testpmd-ring")), {.flow_count = 2, .queue_count = 2}, conditions_);
  ASSERT_FALSE(measured.ok());
  EXPECT_NE(std::string(measured.status().message()).find("queue 1 of 2 got no packet"), std::string::npos) << measured.status();
}

// The kernel's forwarders leave what they have no time for in veth's ring, where no counter of the in port sees it.
TEST_F(MeasurementTest, LossIsCountedFromWhatTheSourceSent) {
  auto measured = Measure(*Make("bridge"), {}, conditions_);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_NEAR(measured->loss, 1 - measured->delivered_pps / measured->offered_pps, 1e-6);
  EXPECT_GT(measured->loss, kSourceLimitedLoss);
  EXPECT_LT(measured->taken_pps, measured->offered_pps);
  EXPECT_FALSE(measured->source_limited);
}

TEST_F(MeasurementTest, TheSourceAloneIsItsOwnLimit) {
  auto measured = MeasureSource({}, conditions_);
  ASSERT_TRUE(measured.ok()) << measured.status();
  EXPECT_GT(measured->delivered_pps, 0);
  EXPECT_TRUE(measured->source_limited);
}

TEST_F(MeasurementTest, ALossFreeRateIsFound) {
  auto rate = SearchLossFreeRate(*Make("redirect"), {}, conditions_);
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_GT(rate->trials, 0);
}

// Pods keep a veth's default settings, whoever is between them.
TEST_F(MeasurementTest, PodsExchangeTcp) {
  for (const char* name : {"straight", "bridge", "testpmd", "testpmd-offload"}) {
    auto measured = Measure(*Make(name), {.kind = WorkKind::kTcp, .flow_count = 2}, {.warm_up_s = 0, .measure_s = 1});
    ASSERT_TRUE(measured.ok()) << name << ": " << measured.status();
    EXPECT_GT(measured->bits_per_second, 0) << name;
    EXPECT_EQ(measured->pod_settings, "") << name;
  }
}

TEST_F(MeasurementTest, PodsThatDoNotReachEachOtherAreAnError) {
  ContenderOptions options;
  options.names = {"testpmd"};
  options.testpmd = "/bin/false";
  auto measured = Measure(*MakeContenders(options)->front(), {.kind = WorkKind::kTcp}, conditions_);
  ASSERT_FALSE(measured.ok());
  EXPECT_NE(std::string(measured.status().message()).find("exit code 1"), std::string::npos) << measured.status();
}

TEST_F(MeasurementTest, AContenderThatEndsIsAnErrorWithItsLastWords) {
  ContenderOptions options;
  options.names = {"testpmd"};
  options.testpmd = "/bin/false";
  auto contenders = MakeContenders(options);
  ASSERT_TRUE(contenders.ok()) << contenders.status();
  auto measured = Measure(*contenders->front(), {}, conditions_);
  ASSERT_FALSE(measured.ok());
  EXPECT_NE(std::string(measured.status().message()).find("exit code 1"), std::string::npos) << measured.status();
}

TEST(BusyCyclesTest, AreThoseOfTheClosingReport) {
  EXPECT_EQ(*FindBusyCycles("x\n  CPU cycles/packet=123.50 (total cycles=247 / total io packets=2) at 2400 MHz Clock\n"), 123.5);
  EXPECT_FALSE(FindBusyCycles("Bye..."));
  EXPECT_EQ(FindBusyStages("MHz Clock\n    of these: receive=1.00, mode=2.00, send=3.00 (with system calls)\n\nDone"),
            "receive=1.00, mode=2.00, send=3.00 (with system calls)");
  EXPECT_EQ(FindBusyStages("Bye..."), "");
}

TEST(QueuesTest, ThatGotNothingAreNamed) {
  EXPECT_TRUE(CheckQueues({}).ok());
  EXPECT_TRUE(CheckQueues({0}).ok());
  EXPECT_TRUE(CheckQueues({1, 2}).ok());
  EXPECT_EQ(CheckQueues({5, 0, 5}).message(), "queue 1 of 3 got no packet");
}

TEST(ContenderTest, AKernelThreadPollsOneQueue) {
  ContenderOptions options;
  options.names = {"redirect", "redirect-thread", "bridge"};
  const auto contenders = MakeContenders(options);
  ASSERT_TRUE(contenders.ok()) << contenders.status();
  for (const auto& contender : *contenders) {
    EXPECT_TRUE(contender->Can(WorkKind::kIo, 1)) << contender->name();
    EXPECT_EQ(contender->Can(WorkKind::kIo, 2), contender->name() == "redirect") << contender->name();
  }
}

TEST(ContenderTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  ContenderOptions options;
  options.names = {"trex"};
  const auto contenders = MakeContenders(options);
  ASSERT_FALSE(contenders.ok());
  EXPECT_NE(std::string(contenders.status().message()).find("dpdk-no-busy-poll"), std::string::npos);
}

}  // namespace
}  // namespace pollux::performance
