// SPDX-License-Identifier: Apache-2.0
#include "lcore/loop_watch.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace pollux::lcore {
namespace {

constexpr uint64_t kTickNs = 200'000'000;  // as testpmd looks

// A loop whose iterations are the test's, and a thread whose state is.
class LoopWatchTest : public testing::Test {
 protected:
  LoopWatchTest() : watch_([this](int) { return thread_; }) {}

  std::vector<unsigned> Look(uint64_t after_ns = kTickNs) {
    const LoopWatch::Loop loop{.lcore = 3, .thread = 17, .stats = &stats_};
    return watch_.Look({&loop, 1}, now_ns_ += after_ns);
  }
  std::string Cause() const { return watch_.stalls().count(3) != 0 ? watch_.stalls().at(3).cause : ""; }

  PollLoopStats stats_;
  std::optional<ThreadState> thread_ = ThreadState{.state = 'R', .cpu_ticks = 5, .cpu = 1};
  LoopWatch watch_;
  uint64_t now_ns_ = 1'000'000'000;
};

TEST_F(LoopWatchTest, ALoopThatStandsIsNoticedWithinASecondAndOnce) {
  EXPECT_TRUE(Look().empty());
  uint64_t looks = 1;
  while (Look().empty()) ++looks;
  EXPECT_LE(looks * kTickNs, 1'000'000'000u);
  EXPECT_GE(looks * kTickNs, LoopWatch::kPatienceNs - kTickNs);
  EXPECT_TRUE(Look().empty()) << "told before";
  EXPECT_GE(watch_.stalls().at(3).milliseconds, 500u);
  stats_.iterations.Add(1);
  EXPECT_EQ(Look(), std::vector<unsigned>{3}) << "it goes on";
  EXPECT_TRUE(watch_.stalls().empty());
}

TEST_F(LoopWatchTest, ALoopThatRunsIsLeftAlone) {
  for (int look = 0; look < 20; ++look) {
    stats_.iterations.Add(1);
    EXPECT_TRUE(Look().empty());
  }
}

TEST_F(LoopWatchTest, AMachineThatStoodStillKeepsNobody) {
  Look();
  EXPECT_TRUE(Look(60'000'000'000).empty());
  stats_.iterations.Add(1);
  EXPECT_TRUE(Look(60'000'000'000).empty());
  EXPECT_TRUE(watch_.stalls().empty());
}

TEST_F(LoopWatchTest, ALoopThatEndedIsForgotten) {
  for (int look = 0; look < 5; ++look) Look();
  ASSERT_EQ(watch_.stalls().size(), 1u);
  EXPECT_TRUE(watch_.Look({}, now_ns_ += kTickNs).empty());
  EXPECT_TRUE(watch_.stalls().empty());
  EXPECT_TRUE(Look().empty()) << "and is new when it begins again";
}

TEST_F(LoopWatchTest, AnotherLoopOnTheLcoreIsNew) {
  Look();
  Look();
  PollLoopStats others;  // as many iterations as the one before had
  const LoopWatch::Loop another{.lcore = 3, .thread = 17, .stats = &others};
  for (int look = 0; look < 2; ++look) EXPECT_TRUE(watch_.Look({&another, 1}, now_ns_ += kTickNs).empty());
  EXPECT_TRUE(watch_.stalls().empty());
}

TEST_F(LoopWatchTest, TheCauseIsNamed) {
  const auto stand = [this](std::optional<ThreadState> thread, uint64_t ticks) {
    stats_.iterations.Add(1);
    Look();
    thread_ = thread;
    for (int look = 0; look < 5; ++look) {
      Look();
      if (thread_.has_value()) thread_->cpu_ticks += ticks;
    }
    return Cause();
  };
  EXPECT_EQ(stand(ThreadState{.state = 'T'}, 0), "its thread is stopped (a debugger, or a frozen control group)");
  EXPECT_EQ(stand(ThreadState{.state = 't'}, 0), "its thread is stopped (a debugger, or a frozen control group)");
  EXPECT_EQ(stand(ThreadState{.state = 'D'}, 0), "its thread waits inside of the kernel");
  EXPECT_EQ(stand(ThreadState{.state = 'S'}, 0), "its thread waits in a system call");
  EXPECT_EQ(stand(ThreadState{.state = 'R'}, 20), "its thread runs, and does not come back from a poll");
  EXPECT_EQ(stand(ThreadState{.state = 'R', .cpu = 6}, 0), "its thread gets no time: something else has CPU 6");
  EXPECT_EQ(stand(std::nullopt, 0), "its thread is gone");
}

TEST(ReadThreadStateTest, TellsWaitingFromRunning) {
  const int event = eventfd(0, EFD_CLOEXEC);
  ASSERT_GE(event, 0);
  std::atomic<int> waiting{0};
  std::thread thread([&] {
    waiting = gettid();
    eventfd_t value;
    eventfd_read(event, &value);
  });
  while (waiting == 0 || ReadThreadState(waiting).value_or(ThreadState{}).state != 'S') std::this_thread::yield();
  EXPECT_EQ(ReadThreadState(gettid())->state, 'R');
  eventfd_write(event, 1);
  thread.join();
  EXPECT_FALSE(ReadThreadState(-1).has_value());
  close(event);
}

TEST(ReadThreadStateTest, TheNameMayHoldAnything) {
  std::thread([] {
    ASSERT_EQ(pthread_setname_np(pthread_self(), "a) Z 1 (b"), 0);
    const auto state = ReadThreadState(gettid());
    ASSERT_TRUE(state.has_value());
    EXPECT_EQ(state->state, 'R');
  }).join();
}

// A thread that is busy in the kernel is busy.
TEST(ReadThreadStateTest, TimeInTheKernelCounts) {
  std::thread([] {
    constexpr double kSeconds = 0.3;
    const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; };
    std::vector<char> bytes(1 << 20);
    FILE* const zeros = std::fopen("/dev/zero", "r");
    ASSERT_NE(zeros, nullptr);
    rusage usage{};
    do {
      ASSERT_EQ(std::fread(bytes.data(), 1, bytes.size(), zeros), bytes.size());
      ASSERT_EQ(getrusage(RUSAGE_THREAD, &usage), 0);
    } while (seconds(usage.ru_stime) < kSeconds);
    std::fclose(zeros);
    const double ticks = static_cast<double>(ReadThreadState(gettid())->cpu_ticks);
    EXPECT_GE(ticks / static_cast<double>(sysconf(_SC_CLK_TCK)), seconds(usage.ru_utime) + kSeconds / 2);
  }).join();
}

}  // namespace
}  // namespace pollux::lcore
