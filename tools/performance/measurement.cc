// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/measurement.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>

#include "tools/performance/process.h"
#include "tools/performance/source.h"

namespace pollux::performance {
namespace {

constexpr double kProbeRate_pps = 1000;  // until the forwarder answers
constexpr double kStartTimeout_s = 20;
constexpr double kQuiet_s = 0.02;  // nothing arrived for so long: all is out of the forwarder
constexpr double kSearchPrecision = 0.03;
constexpr int kSearchTrials = 10;

using Clock = std::chrono::steady_clock;

void Sleep(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

// Everything that counts, at one moment.
struct Moment {
  Clock::time_point time;
  uint64_t offered = 0;
  uint64_t accepted = 0;  // by the forwarder's XDP program or socket
  SinkSnapshot sink;
  SourceSnapshot source;
  CpuTimes cpu;
};

// A rig at work. Members end in reverse order: source, forwarder, sink, rig.
class Session {
 public:
  Session(const Work& work, const Conditions& conditions) : work_(work), conditions_(conditions) {}

  // `contender` null: the sink sits at the in port.
  absl::Status Start(const Contender* contender) {
    auto rig = Rig::Create();
    if (!rig.ok()) return rig.status();
    rig_ = *std::move(rig);
    const NetworkNamespace& sink_network = contender != nullptr ? *rig_->sink : *rig_->forwarder;
    auto sink = Sink::Create(
        sink_network,
        {.interface = contender != nullptr ? kSinkInterface : kInInterface, .receiver = work_.receiver, .inspect = work_.latency});
    if (!sink.ok()) return sink.status();
    sink_ = *std::move(sink);
    if (contender != nullptr) {
      auto forwarder = contender->Start(*rig_, {.kind = work_.kind,
                                                .frame_bytes = work_.frame_bytes,
                                                .forwarder_cpu = conditions_.forwarder_cpu,
                                                .other_cpu = conditions_.source_cpu});
      if (!forwarder.ok()) return forwarder.status();
      forwarder_ = *std::move(forwarder);
    }
    if (work_.kind != WorkKind::kTxonly) {
      auto source = Source::Create(*rig_->source, {.interface = kSourceInterface,
                                                   .frame_bytes = work_.frame_bytes,
                                                   .flow_count = work_.flow_count,
                                                   .time_stamps = work_.latency,
                                                   .cpu = conditions_.source_cpu});
      if (!source.ok()) return source.status();
      source_ = *std::move(source);
      source_->SetRate(kProbeRate_pps);
    }
    return WaitForFirstPacket();
  }

  void Offer(double packets_per_second) {
    if (source_ == nullptr) return;
    if (packets_per_second > 0) {
      source_->SetRate(packets_per_second);
    } else {
      source_->SetFullRate();
    }
  }

  absl::StatusOr<Moment> Look() {
    Moment moment;
    if (source_ != nullptr) {
      moment.source = source_->Read();
      auto in = ReadLinkCounters(*rig_->forwarder, kInInterface);
      if (!in.ok()) return in.status();
      moment.offered = in->rx_packets;
      auto driver = ReadDriverCounters(*rig_->forwarder, kInInterface);
      if (!driver.ok()) return driver.status();
      moment.accepted = (*driver)["xdp_redirect"];
    }
    auto sink = sink_->Read();
    if (!sink.ok()) return sink.status();
    moment.time = Clock::now();
    moment.sink = *std::move(sink);
    auto cpu = ReadCpuTimes(conditions_.forwarder_cpu);
    if (!cpu.ok()) return cpu.status();
    moment.cpu = *cpu;
    return moment;
  }

  // Stops the source and returns when nothing arrives any more.
  absl::StatusOr<Moment> Settle() {
    source_->Stop();
    uint64_t last = ~0ull;
    while (true) {
      auto moment = Look();
      if (!moment.ok() || Delivered(*moment) == last) return moment;
      last = Delivered(*moment);
      Sleep(kQuiet_s);
    }
  }

  uint64_t Delivered(const Moment& moment) const {
    return work_.kind == WorkKind::kRxonly && forwarder_ != nullptr ? moment.accepted : moment.sink.packets;
  }

  absl::Status End() {
    if (source_ != nullptr) source_->Stop();
    return forwarder_ != nullptr ? forwarder_->Stop() : absl::OkStatus();
  }
  Forwarder* forwarder() { return forwarder_.get(); }

 private:
  absl::Status WaitForFirstPacket() {
    const auto deadline = Clock::now() + std::chrono::duration<double>(kStartTimeout_s);
    while (true) {
      auto moment = Look();
      if (!moment.ok()) return moment.status();
      if (Delivered(*moment) > 0) return absl::OkStatus();
      if (forwarder_ != nullptr) {
        if (absl::Status status = forwarder_->Check(); !status.ok()) return status;
      }
      if (Clock::now() > deadline) {
        return absl::DeadlineExceededError(absl::StrCat("no packet arrived within ", kStartTimeout_s, " s, ", moment->offered,
                                                        " were offered\n", forwarder_ != nullptr ? LastWords(forwarder_->Output()) : ""));
      }
      Sleep(0.01);
    }
  }

  const Work work_;
  const Conditions conditions_;
  std::unique_ptr<Rig> rig_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<Forwarder> forwarder_;
  std::unique_ptr<Source> source_;
};

Measurement Compare(const Session& session, const Work& work, const Moment& begin, const Moment& end) {
  Measurement result;
  result.seconds = std::chrono::duration<double>(end.time - begin.time).count();
  const double delivered = static_cast<double>(session.Delivered(end) - session.Delivered(begin));
  result.delivered_pps = delivered / result.seconds;
  if (work.kind != WorkKind::kTxonly) {
    const double offered = static_cast<double>(end.offered - begin.offered);
    result.offered_pps = offered / result.seconds;
    result.loss = offered > 0 ? std::max(0.0, 1 - delivered / offered) : 0;
    result.source_limited = work.offered_pps == 0 && result.loss < kSourceLimitedLoss;
    const Histogram gap_ns = end.source.gap_ns - begin.source.gap_ns;
    result.source_pause_us = static_cast<double>(gap_ns.Maximum()) / 1e3;
    result.source_pauses = gap_ns.CountAbove(static_cast<uint64_t>(kSteadyPause_us * 1e3));
    result.source_calls = end.source.calls - begin.source.calls;
  }
  result.cpu = end.cpu - begin.cpu;
  result.reordered = end.sink.reordered - begin.sink.reordered;
  result.latency_ns = end.sink.latency_ns - begin.sink.latency_ns;
  return result;
}

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

absl::Status CountSystemCalls(Session* session, pid_t worker, double seconds, Measurement* result) {
  auto counter = SystemCallCounter::Start(worker);
  if (!counter.ok()) return counter.status();
  auto begin = session->Look();
  if (!begin.ok()) return begin.status();
  const uint64_t first = (*counter)->Read();
  Sleep(seconds);
  const uint64_t last = (*counter)->Read();
  auto end = session->Look();
  if (!end.ok()) return end.status();
  const uint64_t packets = session->Delivered(*end) - session->Delivered(*begin);
  if (packets > 0) result->system_calls_per_packet = static_cast<double>(last - first) / static_cast<double>(packets);
  return absl::OkStatus();
}

absl::StatusOr<Measurement> MeasureSession(const Contender* contender, const Work& work, const Conditions& conditions) {
  Session session(work, conditions);
  if (absl::Status status = session.Start(contender); !status.ok()) return status;
  session.Offer(work.offered_pps);
  Sleep(conditions.warm_up_s);
  auto sampler = CpuSampler::Start(conditions.forwarder_cpu);
  if (!sampler.ok()) return sampler.status();
  auto begin = session.Look();
  if (!begin.ok()) return begin.status();
  Sleep(conditions.measure_s);
  auto end = session.Look();
  if (!end.ok()) return end.status();
  Measurement result = Compare(session, work, *begin, *end);
  if (session.forwarder() != nullptr) {
    if (absl::Status status = session.forwarder()->Check(); !status.ok()) return status;
    const pid_t worker = SplitSamples((*sampler)->Stop(), session.forwarder()->process(), &result);
    sampler->reset();
    // The kernel's threads make no system calls.
    if (conditions.system_call_s > 0 && worker != 0 && !session.forwarder()->Output().empty()) {
      if (absl::Status status = CountSystemCalls(&session, worker, conditions.system_call_s, &result); !status.ok()) return status;
    }
  }
  if (absl::Status status = session.End(); !status.ok()) return status;
  return result;
}

}  // namespace

std::string WorkName(const Work& work) {
  std::string name = WorkKindName(work.kind);
  absl::StrAppend(&name, ", ", work.frame_bytes, " bytes");
  if (work.kind != WorkKind::kTxonly) absl::StrAppend(&name, ", ", work.flow_count, work.flow_count == 1 ? " flow" : " flows");
  if (work.kind != WorkKind::kRxonly) absl::StrAppend(&name, ", receiver ", ReceiverName(work.receiver));
  if (work.offered_pps > 0) absl::StrAppend(&name, ", ", absl::StrFormat("%.3g", work.offered_pps), " packets/s offered");
  return name;
}

absl::StatusOr<Measurement> Measure(const Contender& contender, const Work& work, const Conditions& conditions) {
  return MeasureSession(&contender, work, conditions);
}

absl::StatusOr<Measurement> MeasureSource(const Work& work, const Conditions& conditions) {
  return MeasureSession(nullptr, work, conditions);
}

absl::StatusOr<LossFreeRate> SearchLossFreeRate(const Contender& contender, const Work& work, const Conditions& conditions) {
  Session session(work, conditions);
  if (absl::Status status = session.Start(&contender); !status.ok()) return status;
  // What comes through at full rate is above the answer for a forwarder that loses work under overload, and near it for one that does not.
  session.Offer(0);
  Sleep(conditions.warm_up_s);
  auto begin = session.Look();
  if (!begin.ok()) return begin.status();
  Sleep(conditions.warm_up_s);
  auto end = session.Look();
  if (!end.ok()) return end.status();
  double high = 1.5 * Compare(session, work, *begin, *end).delivered_pps;
  LossFreeRate result;
  while (result.trials < kSearchTrials && high - result.packets_per_second > kSearchPrecision * high) {
    const double rate = (result.packets_per_second + high) / 2;
    auto before = session.Settle();
    if (!before.ok()) return before.status();
    session.Offer(rate);
    Sleep(conditions.measure_s);
    auto after = session.Settle();
    if (!after.ok()) return after.status();
    ++result.trials;
    const uint64_t offered = after->offered - before->offered;
    const bool on_time = static_cast<double>(offered) >= 0.98 * rate * conditions.measure_s;
    if (offered == session.Delivered(*after) - session.Delivered(*before) && on_time) {
      result.packets_per_second = rate;
      result.latency_ns = after->sink.latency_ns - before->sink.latency_ns;
    } else {
      high = rate;
    }
  }
  if (absl::Status status = session.End(); !status.ok()) return status;
  return result;
}

}  // namespace pollux::performance
