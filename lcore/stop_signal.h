// SPDX-License-Identifier: Apache-2.0
// Whatever asks a program to end, as a flag for poll loops and a file descriptor for threads that sleep.
#ifndef LCORE_STOP_SIGNAL_H_
#define LCORE_STOP_SIGNAL_H_

#include <csignal>

#include <array>
#include <atomic>
#include <memory>

#include <absl/status/statusor.h>

namespace pollux::lcore {

// Catches SIGINT, SIGTERM, SIGQUIT, SIGHUP (the terminal is gone; not if it was ignored before, as nohup does) and SIGPIPE (nobody reads
// the output) as long as it lives, one object in a process at a time. The first signal asks for a stop; a signal that
// comes kSameRequestMs later, or later still, does what it does by default (ends the process), so that a program that hangs can be
// ended. One that comes sooner is the same request: timeout(1), sudo and a shell pass on a signal that the terminal sent to
// all of them. A SIGPIPE is only ever a request: it comes with every write until the end, each of which fails with EPIPE.
// System calls that a signal interrupts return EINTR (no SA_RESTART): whoever sleeps sees the flag soon.
class StopSignal {
 public:
  static constexpr int kSameRequestMs = 500;
  static constexpr std::array<int, 5> kSignals = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGPIPE};

  // Installs the handlers. FAILED_PRECONDITION if there is a StopSignal already.
  static absl::StatusOr<std::unique_ptr<StopSignal>> Install();

  // Puts the former handlers back.
  ~StopSignal();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // True from the first signal or Request() on, until the next Install. Poll loops read it relaxed. Lives as long as the program.
  const std::atomic<bool>& flag() const;

  // Readable (poll, epoll) from the first signal or Request() on, until the next Install. Nobody should read from it or close it.
  int file_descriptor() const;

  // The number of the signal that asked for the stop; 0 if none came, also after Request().
  int signal_number() const;

  // Asks for the stop without a signal, as a "quit" command does. Any thread, also a signal handler.
  void Request();

 private:
  StopSignal() = default;

  bool handles_signals_ = false;  // the handlers are in place and the former ones known
  std::array<struct sigaction, kSignals.size()> former_ = {};
};

}  // namespace pollux::lcore

#endif  // LCORE_STOP_SIGNAL_H_
