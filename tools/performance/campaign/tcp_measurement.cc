// SPDX-License-Identifier: Apache-2.0
#include "tools/performance/campaign/tcp_measurement.h"

#include <chrono>
#include <cmath>
#include <memory>
#include <utility>

#include <absl/strings/str_cat.h>

#include "tools/performance/rig/tcp_pods.h"
#include "tools/support/child_process.h"

namespace pollux::performance {
namespace {

constexpr std::chrono::seconds kStartTimeout{30};

absl::Status AwaitForwarding(const Rig& rig, RunningContender* forwarder) {
  const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
  while (!PodsReachEachOther(rig)) {
    if (absl::Status status = forwarder->Check(); !status.ok()) return status;
    if (std::chrono::steady_clock::now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat("the pods do not reach each other\n", support::LastWords(forwarder->Output())));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Measurement> MeasureTcp(const Contender& contender, const Work& work, const Conditions& conditions) {
  auto rig = Rig::CreatePods();
  if (!rig.ok()) return rig.status();
  auto forwarder =
      contender.Start(**rig, {.kind = work.kind, .forwarder_cpu = conditions.forwarder_cpu, .other_cpu = conditions.source_cpu});
  if (!forwarder.ok()) return forwarder.status();
  Measurement result;
  result.pod_settings = contender.PodSettings();
  if (absl::Status status = ConfigurePods(**rig, result.pod_settings); !status.ok()) return status;
  if (absl::Status status = AwaitForwarding(**rig, forwarder->get()); !status.ok()) return status;
  const auto begin = ReadCpuTimes(conditions.forwarder_cpu);
  if (!begin.ok()) return begin.status();
  auto exchanged = ExchangeTcp(**rig, {.streams = work.flow_count,
                                       .warm_up_s = static_cast<int>(std::ceil(conditions.warm_up_s)),
                                       .seconds = static_cast<int>(std::ceil(conditions.measure_s)),
                                       .sender_cpu = conditions.source_cpu,
                                       .receiver_cpu = work.end_cpus == 1 ? conditions.source_cpu : conditions.forwarder_cpu});
  if (absl::Status status = (*forwarder)->Check(); !status.ok()) return status;
  if (!exchanged.ok()) return exchanged.status();
  const auto end = ReadCpuTimes(conditions.forwarder_cpu);
  if (!end.ok()) return end.status();
  result.seconds = exchanged->seconds;
  result.bits_per_second = exchanged->bits_per_second;
  result.retransmissions = exchanged->retransmissions;
  result.cpu = *end - *begin;
  if (absl::Status status = (*forwarder)->Stop(); !status.ok()) return status;
  return result;
}

}  // namespace pollux::performance
