// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/testbed.h"

#include <chrono>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>

#include "tools/performance/rig/interface_counters.h"
#include "tools/support/child_process.h"

namespace pollux::performance {
namespace {

constexpr double kProbeRate_pps = 1000;  // until the forwarder answers
constexpr double kStartTimeout_s = 20;
constexpr double kSlowStartTimeout_s = 120;  // under valgrind
constexpr double kQuiet_s = 0.02;            // nothing arrived for so long: all is out of the forwarder

constexpr uint64_t kQueuePatience = 1000;  // packets that may come through before each queue had one

constexpr int kLookAttempts = 20;
constexpr uint64_t kLookSpan_ns = 300000;

using Clock = std::chrono::steady_clock;

}  // namespace

std::string WorkNameWithoutSize(const Work& work) {
  if (work.kind == WorkKind::kTcp) {
    return absl::StrCat("tcp, ", work.flow_count, work.flow_count == 1 ? " stream" : " streams", ", ends on ",
                        work.end_cpus == 1 ? "one CPU" : "two CPUs");
  }
  std::vector<std::string> words = {WorkKindName(work.kind)};
  if (work.kind != WorkKind::kTxonly) {
    words.push_back(absl::StrCat(work.flow_count, work.flow_count == 1 ? " flow" : " flows"));
    words.push_back(absl::StrCat(work.queue_count, work.queue_count == 1 ? " queue" : " queues"));
  }
  if (work.kind != WorkKind::kRxonly) words.push_back(absl::StrCat("receiver ", ReceiverName(work.receiver)));
  if (work.offered_pps > 0) words.push_back(absl::StrFormat("%.3g Mpps offered", work.offered_pps / 1e6));
  if (work.latency) words.push_back("latency");
  if (work.cycles) words.push_back("cost");
  if (work.idle) words.push_back("nothing comes");
  return absl::StrJoin(words, ", ");
}

std::string WorkName(const Work& work) {
  if (work.kind == WorkKind::kTcp) return WorkNameWithoutSize(work);
  return absl::StrCat(work.frame_bytes, " bytes, ", WorkNameWithoutSize(work));
}

absl::Status CheckQueues(const std::vector<uint64_t>& queue_packets) {
  for (size_t queue = 0; queue < queue_packets.size(); ++queue) {
    if (queue_packets.size() == 1 || queue_packets[queue] > 0) continue;
    return absl::InternalError(absl::StrCat("queue ", queue, " of ", queue_packets.size(), " got no packet"));
  }
  return absl::OkStatus();
}

void Sleep(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

absl::Status Testbed::Start(const Contender* contender, const std::string& callgrind_file) {
  auto rig = Rig::Create(work_.queue_count);
  if (!rig.ok()) return rig.status();
  rig_ = *std::move(rig);
  const SinkOptions sink_options = {
      .interface = contender != nullptr ? kSinkInterface : kInInterface, .receiver = work_.receiver, .inspect = work_.latency};
  auto sink = Sink::Create(contender != nullptr ? *rig_->sink : *rig_->forwarder, sink_options);
  if (!sink.ok()) return sink.status();
  sink_ = *std::move(sink);
  if (contender != nullptr) {
    auto forwarder = contender->Start(*rig_, {.kind = work_.kind,
                                              .frame_bytes = work_.frame_bytes,
                                              .queue_count = work_.queue_count,
                                              .forwarder_cpu = conditions_.forwarder_cpu,
                                              .other_cpu = conditions_.source_cpu,
                                              .record_cycles = work_.cycles,
                                              .callgrind_file = callgrind_file});
    if (!forwarder.ok()) return forwarder.status();
    forwarder_ = *std::move(forwarder);
  }
  if (work_.kind != WorkKind::kTxonly) {
    if (absl::Status status = StartSource(); !status.ok()) return status;
  }
  return WaitForFirstPacket(callgrind_file.empty() ? kStartTimeout_s : kSlowStartTimeout_s);
}

absl::Status Testbed::StartSource() {
  auto source = Source::Create(*rig_->source, {.interface = kSourceInterface,
                                               .frame_bytes = work_.frame_bytes,
                                               .flow_count = work_.flow_count,
                                               .queue_count = work_.queue_count,
                                               .time_stamps = work_.latency,
                                               .cpu = conditions_.source_cpu});
  if (!source.ok()) return source.status();
  source_ = *std::move(source);
  source_->SetRate(kProbeRate_pps);
  return absl::OkStatus();
}

absl::Status Testbed::WaitForFirstPacket(double timeout_s) {
  const auto deadline = Clock::now() + std::chrono::duration<double>(timeout_s);
  while (true) {
    auto moment = Look();
    if (!moment.ok()) return moment.status();
    if (const uint64_t delivered = Delivered(*moment); delivered > 0) {
      absl::Status queues = CheckQueues(moment->queue_packets);
      if (queues.ok() || delivered > kQueuePatience) return queues;
    }
    if (forwarder_ != nullptr) {
      if (absl::Status status = forwarder_->Check(); !status.ok()) return status;
    }
    if (Clock::now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("no packet arrived within ", timeout_s, " s, ", moment->offered, " were offered\n",
                                                      forwarder_ != nullptr ? support::LastWords(forwarder_->Output()) : ""));
    }
    Sleep(0.01);
  }
}

void Testbed::Offer(double packets_per_second) {
  if (source_ == nullptr) return;
  if (packets_per_second > 0) {
    source_->SetRate(packets_per_second);
  } else {
    source_->SetFullRate();
  }
}

absl::StatusOr<Moment> Testbed::Look() const {
  // Whoever reads two counters may lose the CPU in between, and would take for lost what was sent meanwhile: then it reads again.
  for (int attempt = 1;; ++attempt) {
    auto moment = LookOnce();
    if (!moment.ok() || source_ == nullptr || attempt == kLookAttempts) return moment;
    if (moment->sink.time_ns - moment->source.time_ns < kLookSpan_ns) return moment;
  }
}

absl::StatusOr<Moment> Testbed::LookOnce() const {
  Moment moment;
  if (source_ != nullptr) {
    auto in = ReadLinkCounters(*rig_->forwarder, kInInterface);
    if (!in.ok()) return in.status();
    auto queues = ReadQueueCounters(*rig_->forwarder, kInInterface);
    if (!queues.ok()) return queues.status();
    moment.source = source_->Read();
    moment.offered = moment.source.frames;
    moment.taken = in->rx_packets;
    const std::vector<uint64_t>& redirected = (*queues)["xdp_redirect"];
    moment.accepted = std::accumulate(redirected.begin(), redirected.end(), uint64_t{0});
    moment.queue_packets = moment.accepted > 0 ? redirected : (*queues)["xdp_packets"];
  }
  auto sink = sink_->Read();
  if (!sink.ok()) return sink.status();
  moment.sink = *std::move(sink);
  auto cpu = ReadCpuTimes(conditions_.forwarder_cpu);
  if (!cpu.ok()) return cpu.status();
  moment.cpu = *cpu;
  return moment;
}

absl::StatusOr<Moment> Testbed::Settle() {
  source_->Stop();
  uint64_t last = ~0ull;
  while (true) {
    auto moment = Look();
    if (!moment.ok() || Delivered(*moment) == last) return moment;
    last = Delivered(*moment);
    Sleep(kQuiet_s);
  }
}

uint64_t Testbed::Delivered(const Moment& moment) const {
  return work_.kind == WorkKind::kRxonly && forwarder_ != nullptr ? moment.accepted : moment.sink.packets;
}

absl::Status Testbed::End() {
  if (source_ != nullptr) source_->Stop();
  return forwarder_ != nullptr ? forwarder_->Stop() : absl::OkStatus();
}

}  // namespace pollux::performance
