// SPDX-License-Identifier: Apache-2.0
#include "lcore/launcher.h"

#include <pthread.h>

#include <condition_variable>
#include <csignal>
#include <mutex>
#include <utility>

#include <absl/strings/str_cat.h>

#include "lcore/affinity.h"
#include "lcore/errno_status.h"

namespace pollux::lcore {
namespace {

thread_local unsigned current_lcore = kNoLcore;

// Keeps SIGINT and SIGTERM away from the threads that are created meanwhile, so that they interrupt the main lcore, which may sleep in a
// system call, and never a worker in the middle of a burst.
class StopSignalsBlocked {
 public:
  StopSignalsBlocked() {
    sigset_t stop_signals;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGINT);
    sigaddset(&stop_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop_signals, &former_);
  }
  ~StopSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

 private:
  sigset_t former_;
};

absl::Status CheckPlan(const LcorePlan& plan) {
  CoreSet ids;
  for (const LcoreSpec& lcore : plan.lcores) {
    if (lcore.id >= kMaxLcores)
      return absl::InvalidArgumentError(absl::StrCat("lcore ", lcore.id, ": the last lcore number is ", kMaxLcores - 1));
    if (ids.Contains(lcore.id)) return absl::InvalidArgumentError(absl::StrCat("lcore ", lcore.id, " is in the plan twice"));
    ids.Add(lcore.id);
  }
  if (ids.Contains(plan.main_lcore)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("main lcore ", plan.main_lcore, " is not in the plan; it has: ", ids.ToString()));
}

}  // namespace

unsigned CurrentLcore() {
  return current_lcore;
}

// The mutex guards everything below it; `changed` tells of every change.
struct Launcher::Worker {
  explicit Worker(const LcoreSpec& lcore) : spec(lcore) {}

  const LcoreSpec spec;
  pthread_t thread = {};    // of a worker; used by the main lcore only
  bool has_thread = false;  // likewise

  std::mutex mutex;
  std::condition_variable changed;
  bool started = false;       // pinning was tried: start_status is valid
  absl::Status start_status;  // whether the thread got its CPUs
  LcoreState state = LcoreState::kWaiting;
  std::function<int()> function;  // of a running lcore
  int result = 0;                 // of the last function
  bool end = false;               // the thread is to end
};

void Launcher::WorkerMain(Worker& worker) {
  current_lcore = worker.spec.id;
  absl::Status pinned = PinThisThread(worker.spec.cpus);
  const bool run = pinned.ok();
  std::unique_lock lock(worker.mutex);
  worker.start_status = std::move(pinned);
  worker.started = true;
  worker.changed.notify_all();
  while (run) {
    worker.changed.wait(lock, [&] { return worker.end || worker.state == LcoreState::kRunning; });
    if (worker.state != LcoreState::kRunning) return;
    std::function<int()> function = std::move(worker.function);
    lock.unlock();
    const int result = function();
    function = nullptr;  // before Wait can return, but without the lock: what it captured may look at this lcore as it goes
    lock.lock();
    worker.result = result;
    worker.state = LcoreState::kWaiting;
    worker.changed.notify_all();
  }
}

Launcher::Launcher(const LcorePlan& plan) : plan_(plan), main_thread_(std::this_thread::get_id()) {
  for (const LcoreSpec& lcore : plan_.lcores) workers_.push_back(std::make_unique<Worker>(lcore));
}

absl::StatusOr<std::unique_ptr<Launcher>> Launcher::Create(const LcorePlan& plan) {
  if (current_lcore != kNoLcore) {
    return absl::FailedPreconditionError(absl::StrCat("this thread is lcore ", current_lcore, " already; end its Launcher first"));
  }
  if (const absl::Status status = CheckPlan(plan); !status.ok()) return status;
  std::unique_ptr<Launcher> launcher(new Launcher(plan));
  if (const absl::Status status = launcher->Start(); !status.ok()) return status;
  return launcher;
}

absl::Status Launcher::Start() {
  {
    const StopSignalsBlocked blocked;
    for (const std::unique_ptr<Worker>& worker : workers_) {
      if (worker->spec.id == plan_.main_lcore) continue;
      const auto thread_main = [](void* argument) -> void* {
        WorkerMain(*static_cast<Worker*>(argument));
        return nullptr;
      };
      const int error = pthread_create(&worker->thread, nullptr, thread_main, worker.get());
      if (error != 0) return ErrnoStatus(error, absl::StrCat("pthread_create(lcore ", worker->spec.id, ")"), "see ulimit -u");
      worker->has_thread = true;
      pthread_setname_np(worker->thread, absl::StrCat("plx-lcore-", worker->spec.id).c_str());
    }
  }
  for (const std::unique_ptr<Worker>& worker : workers_) {
    if (!worker->has_thread) continue;
    std::unique_lock lock(worker->mutex);
    worker->changed.wait(lock, [&] { return worker->started; });
    if (!worker->start_status.ok()) return Annotate(worker->start_status, absl::StrCat("lcore ", worker->spec.id));
  }
  const absl::StatusOr<CoreSet> former = ThreadAffinity();
  if (!former.ok()) return former.status();
  const absl::Status pinned = PinThisThread(plan_.Find(plan_.main_lcore)->cpus);
  if (!pinned.ok()) return Annotate(pinned, absl::StrCat("main lcore ", plan_.main_lcore));
  former_main_cpus_ = *former;
  current_lcore = plan_.main_lcore;
  return absl::OkStatus();
}

Launcher::~Launcher() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    if (!worker->has_thread) continue;
    {
      const std::lock_guard lock(worker->mutex);
      worker->end = true;
      worker->changed.notify_all();
    }
    pthread_join(worker->thread, nullptr);
  }
  if (former_main_cpus_.empty() || std::this_thread::get_id() != main_thread_) return;
  current_lcore = kNoLcore;
  // CPUs that went away meanwhile cannot be given back; the thread then stays where it is.
  PinThisThread(former_main_cpus_).IgnoreError();
}

Launcher::Worker* Launcher::Find(unsigned lcore) const {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    if (worker->spec.id == lcore) return worker.get();
  }
  return nullptr;
}

absl::Status Launcher::UnknownLcore(unsigned lcore) const {
  CoreSet ids;
  for (const LcoreSpec& known : plan_.lcores) ids.Add(known.id);
  return absl::NotFoundError(absl::StrCat("no lcore ", lcore, "; there are: ", ids.ToString()));
}

absl::Status Launcher::RemoteLaunch(unsigned lcore, std::function<int()> function) {
  Worker* worker = Find(lcore);
  if (worker == nullptr) return UnknownLcore(lcore);
  if (!worker->has_thread) return absl::InvalidArgumentError(absl::StrCat("lcore ", lcore, " is the main lcore; use RunOnMain"));
  if (!function) return absl::InvalidArgumentError(absl::StrCat("lcore ", lcore, ": there is no function to run"));
  const std::lock_guard lock(worker->mutex);
  if (worker->state == LcoreState::kRunning) {
    return absl::FailedPreconditionError(absl::StrCat("lcore ", lcore, " is running; Wait for it first"));
  }
  worker->function = std::move(function);
  worker->state = LcoreState::kRunning;
  worker->changed.notify_all();
  return absl::OkStatus();
}

absl::StatusOr<int> Launcher::RunOnMain(const std::function<int()>& function) {
  if (std::this_thread::get_id() != main_thread_) return absl::FailedPreconditionError("RunOnMain: this thread is not the main lcore");
  if (!function) return absl::InvalidArgumentError("RunOnMain: there is no function to run");
  Worker& main = *Find(plan_.main_lcore);
  {
    const std::lock_guard lock(main.mutex);
    if (main.state == LcoreState::kRunning) return absl::FailedPreconditionError("RunOnMain: the main lcore is running a function already");
    main.state = LcoreState::kRunning;
  }
  const int result = function();
  const std::lock_guard lock(main.mutex);
  main.result = result;
  main.state = LcoreState::kWaiting;
  main.changed.notify_all();
  return result;
}

absl::StatusOr<int> Launcher::Wait(unsigned lcore) {
  Worker* worker = Find(lcore);
  if (worker == nullptr) return UnknownLcore(lcore);
  std::unique_lock lock(worker->mutex);
  if (worker->state == LcoreState::kRunning && lcore == current_lcore) {
    return absl::FailedPreconditionError(absl::StrCat("lcore ", lcore, " would wait for itself"));
  }
  worker->changed.wait(lock, [&] { return worker->state == LcoreState::kWaiting; });
  return worker->result;
}

int Launcher::WaitAll() {
  int first_failure = 0;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    if (!worker->has_thread) continue;
    const int result = Wait(worker->spec.id).value_or(0);
    if (first_failure == 0) first_failure = result;
  }
  return first_failure;
}

absl::StatusOr<LcoreState> Launcher::state(unsigned lcore) const {
  Worker* worker = Find(lcore);
  if (worker == nullptr) return UnknownLcore(lcore);
  const std::lock_guard lock(worker->mutex);
  return worker->state;
}

}  // namespace pollux::lcore
