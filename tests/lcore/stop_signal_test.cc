// SPDX-License-Identifier: Apache-2.0
#include "lcore/stop_signal.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <thread>

#include <gtest/gtest.h>

#include "lcore/poll_loop.h"

namespace pollux::lcore {
namespace {

bool IsReadable(int file_descriptor) {
  pollfd entry = {.fd = file_descriptor, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN) != 0;
}

class StopSignalTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(All, StopSignalTest, testing::Values(SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE));

TEST_P(StopSignalTest, ASignalSetsTheFlagAndWakesSleepers) {
  const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
  EXPECT_FALSE(stop->flag());
  EXPECT_FALSE(IsReadable(stop->file_descriptor()));
  EXPECT_EQ(stop->signal_number(), 0);

  raise(GetParam());
  EXPECT_TRUE(stop->flag());
  EXPECT_EQ(stop->signal_number(), GetParam());
  EXPECT_TRUE(IsReadable(stop->file_descriptor()));
  EXPECT_TRUE(IsReadable(stop->file_descriptor())) << "for everybody who looks, not only for the first";
}

TEST_P(StopSignalTest, TheHandlerKeepsErrno) {
  const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
  const uint64_t full = ~uint64_t{0} - 1;  // the handler's own write to the eventfd fails with EAGAIN
  ASSERT_EQ(write(stop->file_descriptor(), &full, sizeof(full)), static_cast<ssize_t>(sizeof(full)));
  errno = ENOMSG;
  raise(GetParam());
  EXPECT_EQ(errno, ENOMSG);
  EXPECT_TRUE(stop->flag());
  EXPECT_TRUE(IsReadable(stop->file_descriptor()));
}

TEST_P(StopSignalTest, EndsPollLoopsAndSleepers) {
  const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
  PollLoopStats stats;
  std::thread poller([&] { RunPollLoop(stop->flag(), stats, [] { return 0; }); });
  int poll_result = -1;
  std::thread sleeper([&] {
    pollfd entry = {.fd = stop->file_descriptor(), .events = POLLIN, .revents = 0};
    do {
      poll_result = poll(&entry, 1, 60'000);
    } while (poll_result < 0 && errno == EINTR);
  });
  while (stats.iterations.value() == 0) std::this_thread::yield();
  kill(getpid(), GetParam());
  poller.join();
  sleeper.join();
  EXPECT_EQ(poll_result, 1);
}

TEST_P(StopSignalTest, PutsTheFormerHandlerBack) {
  struct sigaction mine = {};
  mine.sa_handler = [](int) {};
  mine.sa_flags = SA_RESTART;
  struct sigaction before;
  sigaction(GetParam(), &mine, &before);
  {
    const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
    struct sigaction now;
    sigaction(GetParam(), nullptr, &now);
    EXPECT_NE(now.sa_handler, mine.sa_handler);
    EXPECT_EQ(now.sa_flags & SA_RESTART, 0);
  }
  struct sigaction after;
  sigaction(GetParam(), &before, &after);
  EXPECT_EQ(after.sa_handler, mine.sa_handler);
  EXPECT_EQ(after.sa_flags & SA_RESTART, SA_RESTART);
}

TEST_P(StopSignalTest, ASignalDuringTheStopEndsTheProcess) {
  if (GetParam() == SIGPIPE) GTEST_SKIP() << "never ends the process: ABrokenPipeIsOnlyEverARequest";
  // The two signals differ, since the second may be of another kind than the first.
  const int first = GetParam();
  const int second = first == SIGINT ? SIGTERM : SIGINT;
  for (const int last : {first, second}) {
    EXPECT_EXIT(
        {
          const absl::StatusOr<std::unique_ptr<StopSignal>> stop = StopSignal::Install();
          raise(first);
          if (!(*stop)->flag()) _exit(2);
          raise(last);  // at once: a repetition of the same request, which does nothing
          for (int tenths = 0; tenths < 50; ++tenths) {
            poll(nullptr, 0, 100);
            raise(last);
          }
          _exit(3);
        },
        testing::KilledBySignal(last), "");
  }
}

TEST_P(StopSignalTest, ASignalDuringARequestedStopEndsTheProcess) {
  if (GetParam() == SIGPIPE) GTEST_SKIP() << "never ends the process: ABrokenPipeIsOnlyEverARequest";
  EXPECT_EXIT(
      {
        const absl::StatusOr<std::unique_ptr<StopSignal>> stop = StopSignal::Install();
        (*stop)->Request();
        raise(GetParam());
        _exit(3);
      },
      testing::KilledBySignal(GetParam()), "");
}

TEST(StopSignalPipeTest, ABrokenPipeIsOnlyEverARequest) {
  const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  for (int tenths = 0; tenths < 7; ++tenths) {  // past kSameRequestMs
    EXPECT_EQ(write(ends[1], "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
    EXPECT_TRUE(stop->flag());
    poll(nullptr, 0, 100);
  }
  EXPECT_EQ(stop->signal_number(), SIGPIPE);
  close(ends[1]);
}

TEST(StopSignalHangUpTest, StaysIgnoredWhereItWas) {
  struct sigaction ignored = {}, before;
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGHUP, &ignored, &before);
  {
    const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
    raise(SIGHUP);
    EXPECT_FALSE(stop->flag());
  }
  sigaction(SIGHUP, &before, nullptr);
}

TEST(StopSignalRequestTest, AsksWithoutASignal) {
  const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
  std::thread([&] { stop->Request(); }).join();
  EXPECT_TRUE(stop->flag());
  EXPECT_TRUE(IsReadable(stop->file_descriptor()));
  EXPECT_EQ(stop->signal_number(), 0);
}

TEST(StopSignalInstallTest, OneAtATimeAndEachBeginsAnew) {
  {
    const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
    EXPECT_EQ(StopSignal::Install().status().code(), absl::StatusCode::kFailedPrecondition);
    raise(SIGTERM);
  }
  const std::unique_ptr<StopSignal> stop = StopSignal::Install().value();
  EXPECT_FALSE(stop->flag());
  EXPECT_FALSE(IsReadable(stop->file_descriptor()));
  EXPECT_EQ(stop->signal_number(), 0);
}

}  // namespace
}  // namespace pollux::lcore
