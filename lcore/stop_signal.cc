// SPDX-License-Identifier: Apache-2.0
#include "lcore/stop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

#include "lcore/errno_status.h"

namespace pollux::lcore {
namespace {

// A handler gets no argument, so what it works on is global. The eventfd is made once and never closed: a handler that is still
// running in another thread while the StopSignal ends writes to it and not to some file that took its number.
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);
std::atomic<bool> installed{false};
std::atomic<bool> stop{false};
std::atomic<int> first_signal{0};
std::atomic<int64_t> first_signal_ms{0};
std::atomic<int> event_descriptor{-1};

int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // async-signal-safe
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

void WakeSleepers() {
  const uint64_t one = 1;
  // Cannot fail in a way that matters: a full counter is readable already.
  [[maybe_unused]] const ssize_t written = write(event_descriptor.load(), &one, sizeof(one));
}

// Async-signal-safe: atomics, write, clock_gettime, sigaction and raise only; errno is kept for the code that was interrupted.
void OnSignal(int signal_number) {
  const int interrupted_errno = errno;
  const int64_t now_ms = NowMs();
  int64_t first_ms = 0;
  // The time comes before the flag: a handler in another thread that finds the flag set finds the time too, unless Request() set it.
  const bool is_first_signal = first_signal_ms.compare_exchange_strong(first_ms, now_ms);
  const bool is_repetition = !is_first_signal && now_ms - first_ms < StopSignal::kSameRequestMs;
  if (is_repetition) {
    // The handler of the first signal does what there is to do.
  } else if (signal_number == SIGPIPE && stop.load()) {
    // A write of the end that is under way.
  } else if (!stop.exchange(true)) {
    first_signal.store(signal_number);
    WakeSleepers();
  } else {
    struct sigaction default_action = {};
    default_action.sa_handler = SIG_DFL;
    sigaction(signal_number, &default_action, nullptr);
    raise(signal_number);  // delivered as soon as this handler returns
  }
  errno = interrupted_errno;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StopSignal>> StopSignal::Install() {
  if (installed.exchange(true)) return absl::FailedPreconditionError("there is a StopSignal already; a process has one at a time");
  std::unique_ptr<StopSignal> stop_signal(new StopSignal());  // from here on its destructor clears `installed`

  if (event_descriptor.load() < 0) {
    const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) return ErrnoStatus(errno, "eventfd()", "see ulimit -n");
    event_descriptor.store(descriptor);
  }
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t drained = read(event_descriptor.load(), &count, sizeof(count));
  first_signal.store(0);
  first_signal_ms.store(0);
  stop.store(false);

  struct sigaction action = {};
  action.sa_handler = &OnSignal;
  sigemptyset(&action.sa_mask);
  for (std::size_t index = 0; index < kSignals.size(); ++index) {
    struct sigaction& former = stop_signal->former_[index];
    sigaction(kSignals[index], nullptr, &former);
    if (kSignals[index] != SIGHUP || former.sa_handler != SIG_IGN) sigaction(kSignals[index], &action, nullptr);
  }
  stop_signal->handles_signals_ = true;
  return stop_signal;
}

StopSignal::~StopSignal() {
  if (handles_signals_) {
    for (std::size_t index = 0; index < kSignals.size(); ++index) sigaction(kSignals[index], &former_[index], nullptr);
  }
  installed.store(false);
}

const std::atomic<bool>& StopSignal::flag() const {
  return stop;
}

int StopSignal::file_descriptor() const {
  return event_descriptor.load();
}

int StopSignal::signal_number() const {
  return first_signal.load();
}

void StopSignal::Request() {
  if (!stop.exchange(true)) WakeSleepers();
}

}  // namespace pollux::lcore
