// SPDX-License-Identifier: Apache-2.0
// A scripted kernel: packets arrive at every place in between, and none may be slept over.
#include "lcore/idle_governor.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "lcore/poll_loop.h"

namespace pollux::lcore {
namespace {

// An rx queue with a driver that wakes only who has asked since the last wake, as in zero-copy mode, and a tx queue that holds packets
// back. Time is counted in steps: one for each thing that the loop does; `arrival` is the step before which a packet comes.
class ScriptedKernel final : public Sleeper {
 public:
  explicit ScriptedKernel(int arrival) : arrival_(arrival) {}

  std::size_t Poll() {
    Step("poll");
    if (waiting_ == 0) return 0;
    --waiting_;
    ++received_;
    staged_ = true;  // what was received is sent on, with more to come
    return 1;
  }

  bool Prepare(std::vector<int>& descriptors) {
    Step("prepare");
    staged_ = false;
    descriptors.push_back(kDescriptor);
    Step("after prepare");
    return sleepable;
  }

  bool Sleep(std::span<const int> descriptors, uint64_t nanoseconds) override {
    EXPECT_FALSE(staged_) << "slept over a packet to send";
    EXPECT_EQ(descriptors.size(), 1u);
    EXPECT_EQ(nanoseconds, IdleGovernor::kLongestSleepNs);
    Step("before ppoll asks");
    if (waiting_ > 0) return true;  // level-triggered: ppoll looks before it sleeps
    const bool comes_now = step_ + 1 == arrival_;
    Step("asleep");
    if (comes_now) return true;
    slept_over_ += waiting_;
    now_ns_ += nanoseconds + oversleep_ns;
    ++whole_sleeps_;
    return false;
  }
  uint64_t Nanoseconds() override { return now_ns_; }

  int received() const { return received_; }
  int slept_over() const { return slept_over_; }
  int whole_sleeps() const { return whole_sleeps_; }
  int steps() const { return step_; }

  bool sleepable = true;
  uint64_t oversleep_ns = 0;

 private:
  static constexpr int kDescriptor = 7;

  void Step(const char*) {
    if (++step_ == arrival_) ++waiting_;
  }

  const int arrival_;
  int step_ = 0;
  int waiting_ = 0;
  int received_ = 0;
  int slept_over_ = 0;
  int whole_sleeps_ = 0;
  bool staged_ = false;
  uint64_t now_ns_ = 1;
};

TEST(IdleGovernorTest, NoPacketIsSleptOverAtAnyInterleaving) {
  for (int arrival = 1; arrival <= 30; ++arrival) {
    ScriptedKernel kernel(arrival);
    std::atomic<bool> stop{false};
    PollLoopStats stats;
    IdleGovernor governor(
        IdleMode::kSleep, [&](std::vector<int>& descriptors) { return kernel.Prepare(descriptors); }, kernel);
    RunPollLoop(
        stop, stats,
        [&] {
          const std::size_t packets = kernel.Poll();
          if (kernel.steps() > arrival + 10) stop = true;
          return packets;
        },
        governor);
    EXPECT_EQ(kernel.received(), 1) << "arrival before step " << arrival;
    EXPECT_EQ(kernel.slept_over(), 0) << "arrival before step " << arrival;
    EXPECT_GT(stats.sleeps.value(), 0u);
    EXPECT_GE(stats.idle_cycles.value(), stats.sleep_cycles.value());
  }
}

TEST(IdleGovernorTest, SpinsWhereSomethingNeedsPolls) {
  ScriptedKernel kernel(0);
  kernel.sleepable = false;
  IdleGovernor governor(
      IdleMode::kSleep, [&](std::vector<int>& descriptors) { return kernel.Prepare(descriptors); }, kernel);
  for (uint64_t now = 1; now < 100; ++now) EXPECT_FALSE(governor.Idle(now));
  EXPECT_EQ(kernel.whole_sleeps(), 0);
  kernel.sleepable = true;
  EXPECT_FALSE(governor.Idle(100));
  EXPECT_TRUE(governor.Idle(101));
}

TEST(IdleGovernorTest, WhatNeedsPollsIsNotAskedForAtEachOfThem) {
  ScriptedKernel kernel(0);
  kernel.sleepable = false;
  IdleGovernor governor(
      IdleMode::kAdaptive, [&](std::vector<int>& descriptors) { return kernel.Prepare(descriptors); }, kernel);
  governor.Idle(1000);
  EXPECT_FALSE(governor.Idle(1'000'000'000'000)) << "prepares";
  const int steps = kernel.steps();
  for (uint64_t now = 1; now < 10; ++now) EXPECT_FALSE(governor.Idle(1'000'000'000'000 + now));
  EXPECT_EQ(kernel.steps(), steps) << "it spins as long as before";
}

TEST(IdleGovernorTest, EachSleepIsPreparedAnewAndAtOnce) {
  ScriptedKernel kernel(0);
  kernel.oversleep_ns = 100'000;
  IdleGovernor governor(
      IdleMode::kSleep, [&](std::vector<int>& descriptors) { return kernel.Prepare(descriptors); }, kernel);
  for (uint64_t now = 1; now < 10; now += 2) {
    const int steps = kernel.steps();
    EXPECT_FALSE(governor.Idle(now));
    EXPECT_EQ(kernel.steps(), steps + 2) << "it was prepared";
    EXPECT_TRUE(governor.Idle(now + 1));
  }
}

// A packet ended it, late: that says nothing of what a wake takes.
class LatePacket final : public Sleeper {
 public:
  bool Sleep(std::span<const int>, uint64_t nanoseconds) override { return now_ns_ += nanoseconds + 150'000, true; }
  uint64_t Nanoseconds() override { return now_ns_; }

 private:
  uint64_t now_ns_ = 1;
};

TEST(IdleGovernorTest, ASleepThatAPacketEndedTeachesNothing) {
  LatePacket kernel;
  IdleGovernor governor(
      IdleMode::kAdaptive, [](std::vector<int>&) { return true; }, kernel);
  uint64_t now = 1;
  for (int sleep = 0; sleep < 3; ++sleep) {
    while (!governor.Idle(now)) now += 1'000'000'000;
  }
  EXPECT_EQ(governor.spin_ns(), IdleGovernor::kFirstSpinNs);
}

TEST(IdleGovernorTest, ASpinningLoopIsLeftAlone) {
  ScriptedKernel kernel(0);
  IdleGovernor governor(
      IdleMode::kSpin, [&](std::vector<int>& descriptors) { return kernel.Prepare(descriptors); }, kernel);
  for (uint64_t now = 1; now < 1'000'000'000'000; now *= 10) EXPECT_FALSE(governor.Idle(now));
  EXPECT_EQ(kernel.steps(), 0);
}

TEST(IdleGovernorTest, AdaptiveSpinsAsLongAsAWakeTakes) {
  ScriptedKernel kernel(0);
  IdleGovernor governor(
      IdleMode::kAdaptive, [&](std::vector<int>& descriptors) { return kernel.Prepare(descriptors); }, kernel);
  EXPECT_EQ(governor.spin_ns(), IdleGovernor::kFirstSpinNs);
  EXPECT_FALSE(governor.Idle(1000));
  EXPECT_EQ(kernel.steps(), 0) << "spins first";
  uint64_t now = 1'000'000'000'000;  // long after
  const auto sleep_often = [&] {
    for (int sleep = 0; sleep < 200; ++sleep) {
      while (!governor.Idle(now)) ++now;
    }
  };
  kernel.oversleep_ns = 20'000;
  sleep_often();
  EXPECT_NEAR(static_cast<double>(governor.spin_ns()), 20'000, 200);
  kernel.oversleep_ns = 0;
  sleep_often();
  EXPECT_NEAR(static_cast<double>(governor.spin_ns()), IdleGovernor::kShortestSpinNs, 200);
  kernel.oversleep_ns = 1'000'000'000;  // SIGSTOP, a busy machine
  sleep_often();
  EXPECT_NEAR(static_cast<double>(governor.spin_ns()), IdleGovernor::kLongestSpinNs, 200);
}

TEST(IdleGovernorTest, PacketsMakeItSpinAgain) {
  ScriptedKernel kernel(0);
  IdleGovernor governor(
      IdleMode::kAdaptive, [&](std::vector<int>& descriptors) { return kernel.Prepare(descriptors); }, kernel);
  governor.Idle(1000);
  EXPECT_FALSE(governor.Idle(1'000'000'000'000)) << "prepares";
  governor.Busy();
  EXPECT_FALSE(governor.Idle(1'000'000'000'001));
  EXPECT_FALSE(governor.Idle(1'000'000'000'002)) << "the time of idleness begins anew";
  EXPECT_EQ(kernel.whole_sleeps(), 0);
}

// Sleeps that packets end `wake_ns` after they came, or that last their time.
class StampedPacket final : public Sleeper {
 public:
  bool Sleep(std::span<const int>, uint64_t nanoseconds) override {
    now_ns_ += 1'000'000;
    arrival_ns = now_ns_ * stamps;
    now_ns_ += woken ? wake_ns : nanoseconds;
    return woken;
  }
  uint64_t Nanoseconds() override { return now_ns_; }

  uint64_t wake_ns = 3000;
  uint64_t stamps = 1;  // 0: nobody says when a packet came
  bool woken = true;
  uint64_t arrival_ns = 0;

 private:
  uint64_t now_ns_ = 1;
};

class WakeTest : public testing::Test {
 protected:
  WakeTest()
      : governor_(
            IdleMode::kSleep, [](std::vector<int>&) { return true; }, kernel_) {
    governor_.MeasureWakes([this] { return kernel_.arrival_ns; }, wakes_);
  }
  void Sleep() {
    while (!governor_.Idle(++now_)) {
    }
  }
  uint64_t Measured() const {
    uint64_t sum = 0;
    for (std::size_t bucket = 0; bucket < WakeHistogram::kBuckets; ++bucket) sum += wakes_.count(bucket);
    return sum;
  }

  StampedPacket kernel_;
  WakeHistogram wakes_;
  IdleGovernor governor_;
  uint64_t now_ = 0;
};

TEST_F(WakeTest, IsMeasuredFromThePacketToTheThreadThatIsAwake) {
  Sleep();
  EXPECT_EQ(Measured(), 0u) << "whether there is a packet is not known yet";
  governor_.Busy();
  EXPECT_EQ(wakes_.count(WakeHistogram::BucketOf(3000)), 1u);
  EXPECT_EQ(wakes_.sum_ns(), 3000u);
  governor_.Busy();
  EXPECT_EQ(Measured(), 1u) << "the next burst ended no sleep";
}

TEST_F(WakeTest, APacketThatWasNotReceivedAfterwardsIsNone) {
  Sleep();  // stamped, and dropped by the kernel
  EXPECT_FALSE(governor_.Idle(++now_));
  governor_.Busy();
  EXPECT_EQ(Measured() + wakes_.unmeasured(), 0u);
}

TEST_F(WakeTest, APacketThatWasSleptOverIsSeen) {
  kernel_.woken = false;
  Sleep();
  governor_.Busy();
  EXPECT_EQ(wakes_.count(WakeHistogram::BucketOf(IdleGovernor::kLongestSleepNs)), 1u);
}

TEST_F(WakeTest, WithoutAStampItIsCountedAsNotMeasured) {
  kernel_.stamps = 0;
  Sleep();
  governor_.Busy();
  EXPECT_EQ(wakes_.unmeasured(), 1u);
  kernel_.woken = false;  // the packet came after the sleep
  Sleep();
  governor_.Busy();
  EXPECT_EQ(wakes_.unmeasured(), 1u);
  EXPECT_EQ(Measured(), 0u);
}

TEST_F(WakeTest, AnotherClockIsNoMeasure) {
  kernel_.stamps = 1'000'000;  // of a machine that runs for longer than this time namespace
  Sleep();
  governor_.Busy();
  EXPECT_EQ(wakes_.unmeasured(), 1u);
  EXPECT_EQ(Measured(), 0u);
}

TEST(SleeperTest, ADescriptorThatCanBeReadEndsTheSleepAlsoIfItCouldBefore) {
  const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  ASSERT_GE(event, 0);
  EXPECT_FALSE(Sleeper::Kernel().Sleep({&event, 1}, 1'000'000));
  ASSERT_EQ(eventfd_write(event, 1), 0);
  EXPECT_TRUE(Sleeper::Kernel().Sleep({&event, 1}, 10'000'000'000));
  close(event);
}

TEST(ParseIdleModeTest, KnowsThreeNames) {
  EXPECT_EQ(*ParseIdleMode("spin"), IdleMode::kSpin);
  EXPECT_EQ(*ParseIdleMode("adaptive"), IdleMode::kAdaptive);
  EXPECT_EQ(*ParseIdleMode("sleep"), IdleMode::kSleep);
  EXPECT_FALSE(ParseIdleMode("nap").ok());
}

}  // namespace
}  // namespace pollux::lcore
