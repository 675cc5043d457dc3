// SPDX-License-Identifier: Apache-2.0
// ThreadTime: where a thread's time went between two moments. A call that took long took it for itself, or others took it from the thread.
#ifndef TESTS_PMD_AF_XDP_THREAD_TIME_H_
#define TESTS_PMD_AF_XDP_THREAD_TIME_H_

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace pollux::support {

using std::chrono::nanoseconds;

struct TimeSpent {
  nanoseconds elapsed{};
  nanoseconds ran{};     // CPU time, user and kernel; what the machine's host takes meanwhile is not in it if the host says so (steal time)
  nanoseconds slept{};   // in a system call that waited for something; with what the host took meanwhile
  nanoseconds waited{};  // ready to run, and others had the CPU

  nanoseconds own() const { return ran + slept; }
  nanoseconds taken() const { return elapsed - own(); }
};

// Of the calling thread, which makes and uses it.
class ThreadTime {
 public:
  ThreadTime() : schedule_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
  ~ThreadTime() { close(schedule_); }
  ThreadTime(const ThreadTime&) = delete;
  ThreadTime& operator=(const ThreadTime&) = delete;

  void Begin() {
    begin_ = Look();
    begin_.clock = Read(CLOCK_MONOTONIC);
  }
  TimeSpent End() const {
    const nanoseconds now = Read(CLOCK_MONOTONIC);
    const Moment end = Look();
    TimeSpent spent{.elapsed = now - begin_.clock};
    spent.ran = std::min(end.ran - begin_.ran, spent.elapsed);
    spent.waited = std::min(end.waited - begin_.waited, spent.elapsed - spent.ran);
    if (end.sleeps != begin_.sleeps) spent.slept = spent.elapsed - spent.ran - spent.waited;
    return spent;
  }

 private:
  struct Moment {
    nanoseconds clock{}, ran{}, waited{};
    long sleeps = 0;
  };

  static nanoseconds Read(clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return std::chrono::seconds(now.tv_sec) + nanoseconds(now.tv_nsec);
  }
  Moment Look() const {
    Moment moment{.ran = Read(CLOCK_THREAD_CPUTIME_ID)};
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    moment.sleeps = usage.ru_nvcsw;
    char text[128] = {};
    long long ran = 0, waited = 0;
    if (pread(schedule_, text, sizeof(text) - 1, 0) > 0 && std::sscanf(text, "%lld %lld", &ran, &waited) == 2) {
      moment.waited = nanoseconds(waited);
    }
    return moment;
  }

  const int schedule_;
  Moment begin_;
};

}  // namespace pollux::support

#endif  // TESTS_PMD_AF_XDP_THREAD_TIME_H_
