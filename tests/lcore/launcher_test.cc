// SPDX-License-Identifier: Apache-2.0
#include "lcore/launcher.h"

#include <pthread.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lcore/affinity.h"
#include "lcore/poll_loop.h"

namespace pollux::lcore {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Three lcores on the CPUs that this machine has, be it one: lcores 0 (main), 3 and 7.
class LauncherTest : public testing::Test {
 protected:
  LauncherTest() : cpus_(ThreadAffinity().value()), first_{cpus_.cpus().front()}, last_{cpus_.cpus().back()} {
    plan_ = {.lcores = {{0, first_}, {3, last_}, {7, cpus_}}, .main_lcore = 0};
  }
  // Also keeps a test from handing a narrowed mask to the next, which could then see nothing.
  ~LauncherTest() override { EXPECT_EQ(ThreadAffinity().value(), cpus_) << "the former mask is back"; }

  const CoreSet cpus_;
  const CoreSet first_;
  const CoreSet last_;
  LcorePlan plan_;
};

int ThreadCount() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

TEST_F(LauncherTest, RunsAFunctionOnItsLcoreAndReturnsItsResult) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  for (const LcoreSpec& lcore : launcher->plan().lcores) {
    if (lcore.id == 0) continue;
    unsigned seen_lcore = kNoLcore;  // written by the worker, read after Wait: no atomic needed
    CoreSet seen_cpus;
    char seen_name[16] = "";
    ASSERT_TRUE(launcher
                    ->RemoteLaunch(lcore.id,
                                   [&] {
                                     seen_lcore = CurrentLcore();
                                     seen_cpus = ThreadAffinity().value();
                                     pthread_getname_np(pthread_self(), seen_name, sizeof(seen_name));
                                     return static_cast<int>(lcore.id) + 100;
                                   })
                    .ok());
    EXPECT_EQ(launcher->Wait(lcore.id).value(), static_cast<int>(lcore.id) + 100);
    EXPECT_EQ(launcher->Wait(lcore.id).value(), static_cast<int>(lcore.id) + 100) << "waiting again tells the same";
    EXPECT_EQ(seen_lcore, lcore.id);
    EXPECT_EQ(seen_cpus, lcore.cpus);
    EXPECT_EQ(std::string(seen_name), "plx-lcore-" + std::to_string(lcore.id));
  }
}

TEST_F(LauncherTest, TheCallerIsTheMainLcoreUntilTheEnd) {
  EXPECT_EQ(CurrentLcore(), kNoLcore);
  {
    const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
    EXPECT_EQ(CurrentLcore(), 0u);
    EXPECT_EQ(ThreadAffinity().value(), first_);
    LcoreState state_inside = LcoreState::kWaiting;
    EXPECT_EQ(launcher
                  ->RunOnMain([&] {
                    state_inside = launcher->state(0).value();
                    EXPECT_EQ(launcher->RunOnMain([] { return 0; }).status().code(), absl::StatusCode::kFailedPrecondition);
                    EXPECT_EQ(launcher->Wait(0).status().message(), "lcore 0 would wait for itself");
                    return 5;
                  })
                  .value(),
              5);
    EXPECT_EQ(state_inside, LcoreState::kRunning);
    EXPECT_EQ(launcher->state(0).value(), LcoreState::kWaiting);
    EXPECT_EQ(launcher->Wait(0).value(), 5);
    std::thread([&] {
      EXPECT_EQ(CurrentLcore(), kNoLcore) << "a foreign thread";
      EXPECT_EQ(launcher->RunOnMain([] { return 0; }).status().code(), absl::StatusCode::kFailedPrecondition);
    }).join();
  }
  EXPECT_EQ(CurrentLcore(), kNoLcore);
  EXPECT_EQ(ThreadAffinity().value(), cpus_) << "the former mask is back";
}

TEST_F(LauncherTest, ALoopRunsUntilItIsStopped) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  std::atomic<bool> stop{false};
  PollLoopStats stats[2];
  const unsigned workers[] = {3, 7};
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(launcher
                    ->RemoteLaunch(workers[i],
                                   [&stop, &worker_stats = stats[i], i] {
                                     RunPollLoop(stop, worker_stats, [] { return 1; });
                                     return i;
                                   })
                    .ok());
  }
  for (const PollLoopStats& worker_stats : stats) {
    while (worker_stats.iterations.value() == 0) std::this_thread::yield();
  }
  EXPECT_EQ(launcher->state(3).value(), LcoreState::kRunning);
  const absl::Status again = launcher->RemoteLaunch(3, [] { return 0; });
  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(again.message(), "lcore 3 is running; Wait for it first");
  stop = true;
  EXPECT_EQ(launcher->WaitAll(), 1) << "the result of lcore 7, since lcore 3 returned 0";
  EXPECT_EQ(launcher->state(3).value(), LcoreState::kWaiting);
  EXPECT_EQ(launcher->state(7).value(), LcoreState::kWaiting);
}

TEST_F(LauncherTest, AnLcoreIsLaunchedAgainAndAgain) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  int sum = 0;  // passed back and forth by RemoteLaunch and Wait
  for (int i = 0; i < 1000; ++i) {
    const unsigned worker = i % 2 == 0 ? 3 : 7;
    ASSERT_TRUE(launcher->RemoteLaunch(worker, [&sum, i] { return sum += i; }).ok());
    ASSERT_EQ(launcher->Wait(worker).value(), sum);
  }
  EXPECT_EQ(sum, 999 * 1000 / 2);
}

TEST_F(LauncherTest, WhatAFunctionHeldIsGoneWhenWaitReturns) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  const auto held = std::make_shared<int>(1);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(launcher->RemoteLaunch(3, [held] { return *held; }).ok());
    ASSERT_EQ(launcher->Wait(3).value(), 1);
    ASSERT_EQ(held.use_count(), 1);
  }
}

TEST_F(LauncherTest, WhatAFunctionHeldMayLookAtTheLcoreAsItGoes) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  LcoreState state_at_the_end = LcoreState::kWaiting;
  int* const none = nullptr;
  std::shared_ptr<int> held(none, [&](int*) { state_at_the_end = launcher->state(3).value(); });
  ASSERT_TRUE(launcher->RemoteLaunch(3, [held = std::move(held)] { return 0; }).ok());
  ASSERT_EQ(launcher->Wait(3).value(), 0);
  EXPECT_EQ(state_at_the_end, LcoreState::kRunning);
}

TEST_F(LauncherTest, WaitingForAnLcoreThatWasNeverLaunchedReturnsAtOnce) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  EXPECT_EQ(launcher->state(7).value(), LcoreState::kWaiting);
  EXPECT_EQ(launcher->Wait(7).value(), 0);
  EXPECT_EQ(launcher->WaitAll(), 0);
}

TEST_F(LauncherTest, TheDestructorWaitsForAFunctionThatWasJustLaunched) {
  bool ran = false;
  {
    const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
    ASSERT_TRUE(launcher
                    ->RemoteLaunch(3,
                                   [&ran] {
                                     ran = true;
                                     return 0;
                                   })
                    .ok());
  }
  EXPECT_TRUE(ran);
}

TEST_F(LauncherTest, RefusesWhatItCannotRun) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  const auto nothing = [] { return 0; };
  EXPECT_EQ(launcher->RemoteLaunch(5, nothing).message(), "no lcore 5; there are: 0,3,7");
  EXPECT_EQ(launcher->RemoteLaunch(5, nothing).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(launcher->Wait(5).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(launcher->state(kNoLcore).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(launcher->RemoteLaunch(0, nothing).message(), "lcore 0 is the main lcore; use RunOnMain");
  EXPECT_EQ(launcher->RemoteLaunch(3, nullptr).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(launcher->RunOnMain(nullptr).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Launcher::Create(plan_).status().message(), "this thread is lcore 0 already; end its Launcher first");
}

TEST_F(LauncherTest, AWorkerThatGetsNoCpuLeavesNothingBehind) {
  const int threads_before = ThreadCount();
  plan_.lcores[1].cpus = {1022};
  const absl::Status status = Launcher::Create(plan_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              StartsWith("lcore 3: sched_setaffinity(this thread, CPUs 1022): the kernel does not grant 1022"));
  EXPECT_EQ(ThreadCount(), threads_before);
  EXPECT_EQ(ThreadAffinity().value(), cpus_);
  EXPECT_EQ(CurrentLcore(), kNoLcore);
}

TEST_F(LauncherTest, AMainLcoreThatGetsNoCpuLeavesNothingBehind) {
  const int threads_before = ThreadCount();
  plan_.lcores[0].cpus = {1022};
  EXPECT_THAT(std::string(Launcher::Create(plan_).status().message()), StartsWith("main lcore 0: sched_setaffinity("));
  EXPECT_EQ(ThreadCount(), threads_before);
  EXPECT_EQ(ThreadAffinity().value(), cpus_);
  EXPECT_EQ(CurrentLcore(), kNoLcore);
}

TEST_F(LauncherTest, RefusesAPlanThatMakesNoSense) {
  EXPECT_EQ(Launcher::Create({}).status().code(), absl::StatusCode::kInvalidArgument);
  plan_.main_lcore = 4;
  EXPECT_EQ(Launcher::Create(plan_).status().message(), "main lcore 4 is not in the plan; it has: 0,3,7");
  plan_.main_lcore = 0;
  plan_.lcores.push_back({3, first_});
  EXPECT_EQ(Launcher::Create(plan_).status().message(), "lcore 3 is in the plan twice");
  plan_.lcores.back().id = kMaxLcores;
  EXPECT_THAT(std::string(Launcher::Create(plan_).status().message()), HasSubstr("the last lcore number is 127"));
}

TEST_F(LauncherTest, WorkersLeaveStopSignalsToTheMainLcore) {
  const std::unique_ptr<Launcher> launcher = Launcher::Create(plan_).value();
  sigset_t blocked;
  ASSERT_TRUE(launcher->RemoteLaunch(3, [&] { return pthread_sigmask(SIG_BLOCK, nullptr, &blocked); }).ok());
  ASSERT_EQ(launcher->Wait(3).value(), 0);
  EXPECT_EQ(sigismember(&blocked, SIGINT), 1);
  EXPECT_EQ(sigismember(&blocked, SIGTERM), 1);
  EXPECT_EQ(sigismember(&blocked, SIGUSR1), 0);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, nullptr, &blocked), 0);
  EXPECT_EQ(sigismember(&blocked, SIGINT), 0) << "the main lcore's own mask is as before";
}

}  // namespace
}  // namespace pollux::lcore
