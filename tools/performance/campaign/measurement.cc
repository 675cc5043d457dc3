// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/measurement.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/string_view.h>

#include "tools/performance/campaign/tcp_measurement.h"

namespace pollux::performance {
namespace {

// Who used the forwarder's CPU. Returns the thread that did most of the contender's work, or 0.
pid_t SplitSamples(const CpuSampler::Samples& samples, pid_t contender, Measurement* result) {
  pid_t worker = 0;
  const CpuSampler::Thread* busiest = nullptr;
  uint64_t foreign = 0;
  for (const auto& [thread, use] : samples.threads) {
    const uint64_t sum = use.user + use.kernel;
    if (use.process == contender) {
      if (busiest == nullptr || sum > busiest->user + busiest->kernel) worker = thread, busiest = &use;
    } else if (thread != 0 && use.process != getpid() && !absl::StartsWith(CommandName(thread), "ksoftirqd/")) {
      foreign += sum;
    }
  }
  if (samples.total == 0) return worker;
  const auto total = static_cast<double>(samples.total);
  result->foreign_share = static_cast<double>(foreign) / total;
  if (busiest == nullptr || result->delivered_pps == 0) return worker;
  result->worker = CommandName(worker);
  result->user_ns_per_packet = static_cast<double>(busiest->user) / total * 1e9 / result->delivered_pps;
  result->kernel_ns_per_packet = static_cast<double>(busiest->kernel) / total * 1e9 / result->delivered_pps;
  return worker;
}

absl::Status CountSystemCalls(Testbed* testbed, pid_t worker, double seconds, Measurement* result) {
  auto counter = SystemCallCounter::Start(worker);
  if (!counter.ok()) return counter.status();
  auto begin = testbed->Look();
  if (!begin.ok()) return begin.status();
  const uint64_t first = (*counter)->Read();
  Sleep(seconds);
  const uint64_t last = (*counter)->Read();
  auto end = testbed->Look();
  if (!end.ok()) return end.status();
  const uint64_t packets = testbed->Delivered(*end) - testbed->Delivered(*begin);
  if (packets > 0) result->system_calls_per_packet = static_cast<double>(last - first) / static_cast<double>(packets);
  return absl::OkStatus();
}

// It has forwarded, and all of that is over.
absl::StatusOr<Measurement> MeasureIdle(const Contender& contender, const Work& work, const Conditions& conditions) {
  Testbed testbed(work, conditions);
  if (absl::Status status = testbed.Start(&contender); !status.ok()) return status;
  if (absl::Status status = testbed.Settle().status(); !status.ok()) return status;
  Sleep(conditions.warm_up_s);
  Measurement result;
  if (const pid_t process = testbed.forwarder()->process(); process > 0) {
    const auto begin = std::chrono::steady_clock::now();
    const auto before_s = ReadProcessSeconds(process);
    if (!before_s.ok()) return before_s.status();
    Sleep(conditions.measure_s);
    const auto after_s = ReadProcessSeconds(process);
    if (!after_s.ok()) return after_s.status();
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    result.idle_cores = (*after_s - *before_s) / result.seconds;
  }
  if (absl::Status status = testbed.forwarder()->Check(); !status.ok()) return status;
  if (absl::Status status = testbed.End(); !status.ok()) return status;
  return result;
}

absl::StatusOr<Measurement> MeasureSession(const Contender* contender, const Work& work, const Conditions& conditions) {
  Testbed testbed(work, conditions);
  if (absl::Status status = testbed.Start(contender); !status.ok()) return status;
  testbed.Offer(work.offered_pps);
  Sleep(conditions.warm_up_s);
  auto sampler = CpuSampler::Start(conditions.forwarder_cpu);
  if (!sampler.ok()) return sampler.status();
  auto begin = testbed.Look();
  if (!begin.ok()) return begin.status();
  Sleep(conditions.measure_s);
  auto end = testbed.Look();
  if (!end.ok()) return end.status();
  Measurement result = Compare(testbed, work, *begin, *end);
  if (absl::Status status = CheckQueues(result.queue_packets); !status.ok()) return status;
  if (testbed.forwarder() != nullptr) {
    if (absl::Status status = testbed.forwarder()->Check(); !status.ok()) return status;
    const pid_t worker = SplitSamples((*sampler)->Stop(), testbed.forwarder()->process(), &result);
    sampler->reset();
    if (conditions.system_call_s > 0 && worker != 0 && contender->IsProgram()) {
      if (absl::Status status = CountSystemCalls(&testbed, worker, conditions.system_call_s, &result); !status.ok()) return status;
    }
  }
  if (absl::Status status = testbed.End(); !status.ok()) return status;
  if (work.cycles && testbed.forwarder() != nullptr) {
    result.busy_cycles_per_packet = FindBusyCycles(testbed.forwarder()->Output());
    result.busy_stages = FindBusyStages(testbed.forwarder()->Output());
  }
  return result;
}

}  // namespace

std::optional<double> FindBusyCycles(const std::string& output) {
  constexpr absl::string_view kWords = "CPU cycles/packet=";
  const size_t at = output.rfind(kWords.data());
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(output.c_str() + at + kWords.size(), nullptr);
}

std::string FindBusyStages(const std::string& output) {
  constexpr absl::string_view kWords = "\n    of these: ";
  const size_t at = output.rfind(kWords.data());
  if (at == std::string::npos) return "";
  const size_t begin = at + kWords.size();
  return output.substr(begin, output.find('\n', begin) - begin);
}

Measurement Compare(const Testbed& testbed, const Work& work, const Moment& begin, const Moment& end) {
  Measurement result;
  result.seconds = static_cast<double>(end.sink.time_ns - begin.sink.time_ns) / 1e9;
  const double delivered = static_cast<double>(testbed.Delivered(end) - testbed.Delivered(begin));
  result.delivered_pps = delivered / result.seconds;
  if (work.kind != WorkKind::kTxonly) {
    const double offered = static_cast<double>(end.offered - begin.offered);
    result.offered_pps = offered / result.seconds;
    result.taken_pps = static_cast<double>(end.taken - begin.taken) / result.seconds;
    result.loss = offered > 0 ? std::max(0.0, 1 - delivered / offered) : 0;
    result.source_limited = work.offered_pps == 0 && result.loss < kSourceLimitedLoss;
    const Histogram gap_ns = end.source.gap_ns - begin.source.gap_ns;
    result.source_pause_us = static_cast<double>(gap_ns.Maximum()) / 1e3;
    result.source_pauses = gap_ns.CountAbove(static_cast<uint64_t>(kSteadyPause_us * 1e3));
    result.source_batches = gap_ns.count();
    for (size_t queue = 0; queue < end.queue_packets.size(); ++queue) {
      result.queue_packets.push_back(end.queue_packets[queue] - begin.queue_packets[queue]);
    }
  }
  result.cpu = end.cpu - begin.cpu;
  result.reordered = end.sink.reordered - begin.sink.reordered;
  result.round_trip_ns = end.source.round_trip_ns - begin.source.round_trip_ns;
  result.latency_ns = end.sink.latency_ns - begin.sink.latency_ns;
  return result;
}

absl::StatusOr<Measurement> Measure(const Contender& contender, const Work& work, const Conditions& conditions) {
  if (work.kind == WorkKind::kTcp) return MeasureTcp(contender, work, conditions);
  return work.idle ? MeasureIdle(contender, work, conditions) : MeasureSession(&contender, work, conditions);
}

absl::StatusOr<Measurement> MeasureSource(const Work& work, const Conditions& conditions) {
  return MeasureSession(nullptr, work, conditions);
}

}  // namespace pollux::performance
