// SPDX-License-Identifier: Apache-2.0
// One pinned thread for each lcore, to which the main lcore hands functions: DPDK's remote launch.
#ifndef LCORE_LAUNCHER_H_
#define LCORE_LAUNCHER_H_

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "lcore/core_set.h"
#include "lcore/lcore_options.h"

namespace pollux::lcore {

// What CurrentLcore returns in a thread that is no lcore.
inline constexpr unsigned kNoLcore = ~0u;

// The id of the lcore that the calling thread is. A thread-local variable: cheap, but not for every packet.
unsigned CurrentLcore();

// kWaiting: the lcore has nothing to do (never launched, or its function returned).
// kRunning: a function was handed to it and has not returned.
enum class LcoreState { kWaiting, kRunning };

// Owns the worker threads of one LcorePlan. The thread that calls Create becomes the main lcore.
//
// Thread rule: every function belongs to the main lcore, except state(), which any thread may call. What the main lcore wrote before
// RemoteLaunch is seen by the function, and what the function wrote is seen after Wait. Functions must not throw. Workers block
// SIGINT and SIGTERM, so that these interrupt the main lcore (stop_signal.h).
class Launcher {
 public:
  // Starts a thread named "plx-lcore-ID" for each worker lcore, pins it to its CPUs, and then the calling thread, which keeps its
  // name, to the main lcore's. Returns when all are pinned and waiting. On an error (of PinThisThread, with the lcore's number before)
  // nothing is left behind. FAILED_PRECONDITION in a thread that is an lcore already.
  static absl::StatusOr<std::unique_ptr<Launcher>> Create(const LcorePlan& plan);

  // Waits for running functions (tell them to stop before), ends the threads, and gives the main lcore's thread its former CPUs back.
  ~Launcher();

  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  const LcorePlan& plan() const { return plan_; }

  // Lets worker `lcore` run `function`, and returns at once. NOT_FOUND: no such lcore. FAILED_PRECONDITION: it is running.
  // INVALID_ARGUMENT: it is the main lcore (see RunOnMain), or the function is empty.
  absl::Status RemoteLaunch(unsigned lcore, std::function<int()> function);

  // Runs `function` here and now as the main lcore, whose state is running meanwhile. FAILED_PRECONDITION in another thread, or inside
  // another RunOnMain.
  absl::StatusOr<int> RunOnMain(const std::function<int()>& function);

  // Waits until `lcore` is waiting, and returns what its last function returned, 0 if there was none. NOT_FOUND: no such lcore.
  // FAILED_PRECONDITION: a running lcore would wait for itself.
  absl::StatusOr<int> Wait(unsigned lcore);

  // Waits for every worker. Returns 0, or what the lowest lcore whose last function did not return 0 returned.
  int WaitAll();

  // NOT_FOUND: no such lcore.
  absl::StatusOr<LcoreState> state(unsigned lcore) const;

 private:
  struct Worker;

  explicit Launcher(const LcorePlan& plan);
  static void WorkerMain(Worker& worker);
  Worker* Find(unsigned lcore) const;
  absl::Status UnknownLcore(unsigned lcore) const;
  absl::Status Start();

  const LcorePlan plan_;
  const std::thread::id main_thread_;
  CoreSet former_main_cpus_;                      // empty until the main lcore was pinned
  std::vector<std::unique_ptr<Worker>> workers_;  // every lcore in the plan's order; the main one has no thread
};

}  // namespace pollux::lcore

#endif  // LCORE_LAUNCHER_H_
